import Glibc
import Synchronization

/// A datagram socket as systemd gives it in `NOTIFY_SOCKET`: keeps what a service tells.
public final class NotifySocket: Sendable {
  private let folder: TemporaryFolder
  private let descriptor: Int32
  private let received = Mutex<[String]>([])

  public init() throws {
    folder = try TemporaryFolder()
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw TestServerError("socket: errno \(errno)") }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: folder.file("notify").utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0 else { throw TestServerError("bind: errno \(errno)") }
  }

  deinit { close(descriptor) }

  /// The value for `NOTIFY_SOCKET`.
  public var path: String { folder.file("notify") }

  /// Every assignment so far, such as `READY=1`, in order.
  public var messages: [String] {
    received.withLock { received in
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return received }
        received += String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
      }
    }
  }
}
