import Glibc

/// A TCP port of 127.0.0.1 on which nothing listens at the moment.
public func freePort() throws -> Int {
  let listener = try LoopbackListener(listening: false)
  return listener.port
}

/// A bound TCP socket on 127.0.0.1 that never answers: connections wait in its queue.
public final class LoopbackListener: Sendable {
  public let port: Int
  public let descriptor: Int32

  /// - Parameter listening: false only reserves the port: connections are refused, nobody else is given it by chance, and
  ///   a server that asks for it gets it.
  public init(listening: Bool = true) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw TestServerError("socket: errno \(errno)") }
    var reuse: Int32 = 1
    if !listening { setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard bound, !listening || listen(descriptor, 16) == 0 else {
      close(descriptor)
      throw TestServerError("bind or listen: errno \(errno)")
    }
    self.descriptor = descriptor
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }

  /// Waits for a connection, sends `answer` to whatever it says and closes it. Blocks; for a thread of its own.
  public func answerOnce(_ answer: String) {
    let client = accept(descriptor, nil, nil)
    guard client >= 0 else { return }
    var buffer = [UInt8](repeating: 0, count: 4096)
    _ = read(client, &buffer, buffer.count)
    _ = Array(answer.utf8).withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
    close(client)
  }
}
