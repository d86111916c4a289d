@preconcurrency import Glibc
import Synchronization

/// A command that prints a secret to its standard output, such as `vault kv get -field=token secret/dbt`.
public enum SecretCommand: Sendable, Hashable {
  /// A line for `/bin/sh -c`.
  case shell(String)
  /// A program, looked up in PATH, with its arguments; no shell is involved.
  case arguments([String])

  /// Why a command gave no secret. Never its output, and never its text: a command line may hold a credential.
  struct Problem: Error {
    var description: String
  }

  static let secondsAllowed = 10.0

  private var words: [String] {
    switch self {
    case .shell(let line): ["/bin/sh", "-c", line]
    case .arguments(let words): words
    }
  }

  /// What the command wrote to its standard output. Its standard error goes to ours, its standard input is empty. It is
  /// killed, with the processes it started, when it takes longer than `seconds` or writes more than 64 KiB.
  func run(seconds: Double = SecretCommand.secondsAllowed) throws(Problem) -> [UInt8] {
    let (process, output) = try start()
    defer { close(output) }
    var bytes: [UInt8] = []
    let deadline = Self.now() + seconds
    var isInTime = true
    reading: while true {
      var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      let left = deadline - Self.now()
      guard left > 0 else {
        isInTime = false
        break
      }
      let ready = poll(&descriptor, 1, Int32(min(left * 1000 + 1, 60_000)))
      if ready <= 0 { continue }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = read(output, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break reading }
      bytes.append(contentsOf: chunk[..<count])
      if bytes.count > Secret.limit { break }
    }
    let status = Self.end(process, deadline: isInTime ? deadline : 0)
    guard bytes.count <= Secret.limit else { throw Problem(description: "the command printed more than 64 KiB") }
    guard isInTime, let status else {
      throw Problem(description: "the command did not end within \(Int(seconds)) s and was stopped; run it by hand")
    }
    let code = status >> 8 & 0xFF
    guard status & 0x7F == 0 else { throw Problem(description: "the command was ended by signal \(status & 0x7F)") }
    guard code == 0 else {
      throw Problem(description: "the command failed with exit status \(code); run it by hand as the service's user")
    }
    return bytes
  }

  // One start at a time, so that no other command inherits the pipe before it is marked close-on-exec.
  private static let starting = Mutex(())

  private func start() throws(Problem) -> (process: pid_t, output: Int32) {
    let words = words
    let outcome: Result<(pid_t, Int32), Problem> = Self.starting.withLock { _ in
      var pipes: [Int32] = [-1, -1]
      guard pipe(&pipes) == 0 else { return .failure(Self.cannotStart(errno)) }
      for descriptor in pipes { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
      defer { close(pipes[1]) }
      var actions = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&actions)
      defer { posix_spawn_file_actions_destroy(&actions) }
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
      posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
      var attributes = posix_spawnattr_t()
      posix_spawnattr_init(&attributes)
      defer { posix_spawnattr_destroy(&attributes) }
      // Its own process group, so that all of it can be killed; and none of our ignored or blocked signals.
      var none = sigset_t()
      sigemptyset(&none)
      var all = sigset_t()
      sigfillset(&all)
      posix_spawnattr_setsigmask(&attributes, &none)
      posix_spawnattr_setsigdefault(&attributes, &all)
      posix_spawnattr_setpgroup(&attributes, 0)
      let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
      posix_spawnattr_setflags(&attributes, Int16(flags))
      var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
      defer { for argument in arguments { free(argument) } }
      arguments.append(nil)
      var process: pid_t = 0
      let code = posix_spawnp(&process, words[0], &actions, &attributes, arguments, environ)
      guard code == 0 else {
        close(pipes[0])
        return .failure(Self.cannotStart(code))
      }
      return .success((process, pipes[0]))
    }
    switch outcome {
    case .success(let started): return started
    case .failure(let problem): throw problem
    }
  }

  // The wait status, or nil when it had to be killed. The deadline 0 kills at once.
  private static func end(_ process: pid_t, deadline: Double) -> Int32? {
    var status: Int32 = 0
    while now() < deadline {
      let ended = waitpid(process, &status, WNOHANG)
      if ended == process { return status }
      if ended < 0, errno != EINTR { return nil }
      usleep(5000)
    }
    kill(-process, SIGKILL)
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return nil
  }

  private static func cannotStart(_ code: Int32) -> Problem {
    Problem(description: "the command cannot be started: \(String(cString: strerror(code)))")
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

extension SecretCommand: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "***" }
  public var debugDescription: String { "***" }
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
