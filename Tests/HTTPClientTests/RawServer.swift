import Dispatch
import Glibc
import Synchronization

/// A TCP server on 127.0.0.1 that says whatever a test wants it to say, for answers that no HTTP server gives.
final class RawServer: Sendable {
  struct Connection {
    fileprivate let descriptor: Int32

    /// Reads to the end of a request's headers.
    func readHead() {
      var head: [UInt8] = []
      var byte: UInt8 = 0
      while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), recv(descriptor, &byte, 1, 0) == 1 { head.append(byte) }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }

    /// Returns when the client has closed its side.
    func waitUntilClosed() {
      var byte: UInt8 = 0
      while recv(descriptor, &byte, 1, 0) > 0 {}
    }
  }

  let port: UInt16
  private let listener: Int32

  init(_ serve: @escaping @Sendable (Connection) -> Void) {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    port = Self.bindToFreePort(listener)
    listen(listener, 16)
    let listener = listener
    DispatchQueue(label: "raw-server").async {
      while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
        DispatchQueue(label: "raw-connection").async {
          serve(Connection(descriptor: descriptor))
          close(descriptor)
        }
      }
      close(listener)
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// A port that nobody listens on.
  static func closedPort() -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    return bindToFreePort(descriptor)
  }

  private static func bindToFreePort(_ descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(bind(descriptor, $0, length) == 0, "no port is free")
        getsockname(descriptor, $0, &length)
      }
      return UInt16(bigEndian: $0.pointee.sin_port)
    }
  }
}
