import Glibc
import Synchronization

/// A server process that ends with this process, however that ends.
///
/// A small shell starts the server and waits for the end of its own standard input, the other end of which only this
/// process holds; the kernel closes that even after SIGKILL.
final class GuardedServer: Sendable {
  private let guardian: Subprocess
  private let lifeline: Mutex<Int32>

  /// - Parameters:
  ///   - user: whom to run as when this process is root.
  ///   - stopSignal: what the server is sent at the end.
  ///   - folder: of the server; its output goes to `log` there, and it is removed when this process ends.
  init(_ arguments: [String], user: String, stopSignal: String, folder: TemporaryFolder) throws {
    var pair: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
      throw TestServerError("socketpair: errno \(errno)")
    }
    defer { close(pair[1]) }
    // SIGHUP goes to a group that is orphaned while a test has paused the server in it. The stop signal is repeated
    // because a server that just starts still ignores it; SIGCONT wakes one that a test had paused.
    let script = """
      trap '' HUP
      folder=$1; signal=$2; shift 2
      "$@" </dev/null >>"$folder/log" 2>&1 &
      server=$!
      word=$(cat)
      while kill -s "$signal" $server 2>/dev/null && kill -s CONT $server 2>/dev/null; do sleep 0.2; done &
      wait $server
      [ "$word" = keep ] || rm -rf "$folder"
      """
    lifeline = Mutex(pair[0])
    guardian = try Subprocess(
      asUser(user, ["/bin/sh", "-c", script, "guardian", folder.path, stopSignal] + arguments), workingDirectory: "/",
      inputDescriptor: pair[1], ownGroup: true, endsByItself: true)
  }

  deinit { closeLifeline() }

  /// Sends the stop signal and waits for the server's end; keeps its folder.
  func stop() async throws {
    lifeline.withLock { _ = write($0, "keep", 4) }
    closeLifeline()
    _ = try await guardian.finish(within: 30)
  }

  private func closeLifeline() {
    lifeline.withLock { descriptor in
      if descriptor >= 0 { close(descriptor) }
      descriptor = -1
    }
  }
}

/// The command as it must be run: servers such as Postgres refuse to run as root.
func asUser(_ user: String, _ arguments: [String]) -> [String] {
  getuid() == 0 ? ["runuser", "-u", user, "--"] + arguments : arguments
}
