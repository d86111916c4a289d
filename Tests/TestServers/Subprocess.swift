import FoundationEssentials
import Glibc
import Platform
import Synchronization

/// A running program with its output in files, so that it never blocks on a pipe that nobody reads.
public final class Subprocess: Sendable {
  /// What a finished program left.
  public struct Output: Sendable {
    /// Exit code, or 128 and the signal's number.
    public var status: Int32
    public var standardOutput: [UInt8]
    public var standardError: [UInt8]
    public var text: String { String(decoding: standardOutput, as: UTF8.self) }
    public var errorText: String { String(decoding: standardError, as: UTF8.self) }
  }

  public let processID: pid_t
  private let folder: TemporaryFolder
  private let endsByItself: Bool
  private let status = Mutex<Int32?>(nil)

  /// Runs a program to its end.
  ///
  /// - Parameters:
  ///   - arguments: the program (looked up in PATH unless it contains a slash) and its arguments.
  ///   - environment: added to that of this process; an empty value removes the name.
  ///   - timeout: seconds after which it is killed and an error thrown.
  public static func run(
    _ arguments: [String], environment: [String: String] = [:], workingDirectory: String? = nil, input: [UInt8] = [],
    timeout: Double = 60
  ) async throws -> Output {
    let process = try Subprocess(
      arguments, environment: environment, workingDirectory: workingDirectory, input: input)
    return try await process.finish(within: timeout)
  }

  /// Starts a program; it is killed when the last reference goes.
  ///
  /// - Parameters:
  ///   - inputDescriptor: an open descriptor to use as standard input instead of `input`.
  ///   - ownGroup: whether signals from the terminal do not reach it.
  ///   - endsByItself: whether it is left alone when the last reference goes.
  public init(
    _ arguments: [String], environment: [String: String] = [:], workingDirectory: String? = nil, input: [UInt8] = [],
    inputDescriptor: Int32? = nil, ownGroup: Bool = false, endsByItself: Bool = false
  ) throws {
    self.endsByItself = endsByItself
    folder = try TemporaryFolder()
    guard FileManager.default.createFile(atPath: folder.file("in"), contents: Data(input)) else {
      throw TestServerError("cannot write \(folder.path)")
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let inputDescriptor {
      posix_spawn_file_actions_adddup2(&actions, inputDescriptor, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, folder.file("in"), O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 1, folder.file("out"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, folder.file("err"), O_WRONLY | O_CREAT | O_APPEND, 0o600)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    if ownGroup { flags |= Int32(POSIX_SPAWN_SETPGROUP) }
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    for (name, value) in environment where value.isEmpty { variables[name] = nil }
    let command = (workingDirectory.map { ["env", "-C", $0] } ?? []) + arguments
    let argv = command.map { strdup($0) } + [nil]
    let envp = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for copy in argv + envp { free(copy) } }
    var child = pid_t()
    let result = posix_spawnp(&child, command[0], &actions, &attributes, argv, envp)
    guard result == 0 else { throw TestServerError("\(command[0]) cannot be started: errno \(result)") }
    processID = child
  }

  deinit {
    guard status.withLock({ $0 }) == nil, !endsByItself else { return }
    kill(processID, SIGKILL)
    waitpid(processID, nil, 0)
  }

  /// Whether it still runs.
  public var isRunning: Bool { reap() == nil }

  /// What it wrote so far.
  public var output: Output {
    Output(
      status: reap() ?? 0, standardOutput: [UInt8](FileManager.default.contents(atPath: folder.file("out")) ?? Data()),
      standardError: [UInt8](FileManager.default.contents(atPath: folder.file("err")) ?? Data()))
  }

  /// Sends a signal; does nothing when it has ended.
  public func signal(_ number: Int32) {
    if reap() == nil { kill(processID, number) }
  }

  /// Waits for its end; kills it and throws when that does not come within `seconds`.
  public func finish(within seconds: Double = 60) async throws -> Output {
    let end = monotonicSeconds() + seconds
    var pause: UInt64 = 1_000_000
    while reap() == nil {
      if monotonicSeconds() >= end {
        signal(SIGKILL)
        let output = output
        throw TestServerError(
          "still running after \(seconds) s. stdout: \(output.text.suffix(2000)) stderr: \(output.errorText.suffix(2000))"
        )
      }
      try await Task.sleep(nanoseconds: pause)
      pause = min(pause * 2, 20_000_000)
    }
    return output
  }

  // The lock keeps a signal from reaching another process that got the same id.
  private func reap() -> Int32? {
    status.withLock { status in
      if let status { return status }
      var raw: Int32 = 0
      guard waitpid(processID, &raw, WNOHANG) == processID else { return nil }
      let signal = raw & 0x7F
      status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
      return status
    }
  }
}
