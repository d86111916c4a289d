import Glibc
import Testing

@testable import Telemetry

struct ServiceNotifierTests {
  /// What systemd is to a service: a datagram socket.
  private final class Manager {
    private let descriptor: Int32
    private let path: String?

    /// - Parameter name: a path, or `@name` for an abstract socket.
    init(_ name: String) throws {
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = Array(name.utf8)
      let size = withUnsafeMutableBytes(of: &address.sun_path) { target in
        target.copyBytes(from: bytes)
        if bytes.first == UInt8(ascii: "@") { target[0] = 0 }
        return bytes.count
      }
      let isAbstract = name.hasPrefix("@")
      path = isAbstract ? nil : name
      let length = socklen_t(MemoryLayout<sa_family_t>.size + size + (isAbstract ? 0 : 1))
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
      }
      try #require(result == 0, "bind: errno \(errno)")
    }

    deinit {
      close(descriptor)
      if let path { unlink(path) }
    }

    /// The message that is there already; a datagram between two sockets of one machine is not under way.
    func message() -> String? {
      var bytes = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
  }

  static let names = ["/tmp/syncer-notify-\(getpid())", "@syncer-notify-\(getpid())"]

  @Test(arguments: names)
  func everyMessageArrives(_ name: String) throws {
    let manager = try Manager(name)
    let notifier = ServiceNotifier(environment: { ["NOTIFY_SOCKET": name][$0] })
    #expect(notifier.ready(status: "reading prod") == .sent)
    #expect(manager.message() == "READY=1\nSTATUS=reading prod")
    #expect(notifier.status("2 pending\nREADY=1") == .sent)
    #expect(manager.message() == "STATUS=2 pending READY=1")
    #expect(notifier.alive() == .sent)
    #expect(manager.message() == "WATCHDOG=1")
    #expect(notifier.reloading() == .sent)
    let reloading = try #require(manager.message()).split(separator: "\n")
    #expect(reloading.count == 2 && reloading[0] == "RELOADING=1")
    #expect(Int64(reloading[1].dropFirst("MONOTONIC_USEC=".count)) ?? 0 > 0)
    #expect(notifier.stopping(status: "finishing") == .sent)
    #expect(manager.message() == "STOPPING=1\nSTATUS=finishing")
    #expect(manager.message() == nil)
  }

  @Test func withoutASocketNothingIsSent() {
    for environment in [[:], ["NOTIFY_SOCKET": ""]] {
      #expect(ServiceNotifier(environment: { environment[$0] }).ready(status: "x") == .notWanted)
    }
  }

  @Test func anAbsentManagerIsNoReasonToFail() {
    func notifier(_ path: String) -> ServiceNotifier {
      ServiceNotifier(environment: { ["NOTIFY_SOCKET": path][$0] })
    }
    #expect(notifier("/nonexistent/notify").alive() == .failed(ENOENT))
    #expect(notifier("/" + String(repeating: "x", count: 200)).alive() == .failed(ENAMETOOLONG))
  }

  /// systemd may have no time to read for a while.
  @Test func aManagerThatDoesNotReadHoldsNothingUp() throws {
    let name = "@syncer-busy-\(getpid())"
    let manager = try Manager(name)
    let notifier = ServiceNotifier(environment: { ["NOTIFY_SOCKET": name][$0] })
    var outcome = ServiceNotifier.Outcome.sent
    for _ in 0..<100_000 where outcome == .sent { outcome = notifier.alive() }
    #expect(outcome == .failed(EAGAIN))
    #expect(notifier.status("busy") == .failed(EAGAIN))
    #expect(notifier.ready(status: "started") == .failed(EAGAIN))
    while manager.message() != nil {}
    #expect(notifier.ready(status: "started") == .sent)
  }

  @Test(
    arguments: [
      (nil, nil, nil), ("60000000", nil, .seconds(30)), ("60000000", "42", .seconds(30)), ("60000000", "43", nil),
      ("0", nil, nil), ("-5", nil, nil), ("x", nil, nil), ("60000000", "x", nil),
    ] as [(String?, String?, Duration?)])
  func theWatchdogIsFedAtHalfItsLimit(_ limit: String?, _ process: String?, _ expected: Duration?) {
    let interval = ServiceNotifier.watchdogInterval(microseconds: limit, process: process, ownProcess: 42)
    #expect(interval == expected)
  }
}
