import CMicroHTTPD
import Glibc
import Synchronization

/// Why a server could not be started.
public struct LoopbackError: Error, Sendable, CustomStringConvertible {
  public let description: String
}

/// An HTTP/1.1 server on 127.0.0.1 with keep-alive, for stand-ins and tests. Each connection has a thread of its own,
/// so the handler is called from several threads at once and may block. Not for production: no limits but the size of a
/// request.
public final class LoopbackServer: Sendable {
  /// Key and certificate for HTTPS, both as PEM text.
  public struct TLS: Sendable {
    public var key: String
    public var certificate: String

    public init(key: String, certificate: String) {
      self.key = key
      self.certificate = certificate
    }
  }

  // Set in init, taken by stop; libmicrohttpd's own functions lock.
  private struct Daemon: @unchecked Sendable { let pointer: OpaquePointer }

  private let daemon: Mutex<Daemon?>
  private let state: LoopbackState

  /// The port that it listens on.
  public let port: UInt16

  /// Starts to listen.
  /// - Parameters:
  ///   - port: 0 for any that is free
  ///   - tls: to speak HTTPS
  ///   - handler: makes the answer to a request
  /// - Throws: ``LoopbackError`` when the port is taken or a thread cannot be made.
  public init(
    port: UInt16 = 0, tls: TLS? = nil, handler: @escaping @Sendable (LoopbackRequest) -> LoopbackResponse
  ) throws {
    state = try LoopbackState(handler: handler)
    let context = Unmanaged.passUnretained(state).toOpaque()
    let started = cmicrohttpd_start(
      port, context, handleRequest, beginRequest, endRequest, noteConnection, tls?.key, tls?.certificate)
    guard let started else {
      throw LoopbackError(
        description: "no HTTP server could be started on 127.0.0.1:\(port): \(String(cString: strerror(errno)))")
    }
    daemon = Mutex(Daemon(pointer: started))
    self.port = cmicrohttpd_port(started)
  }

  deinit { stop() }

  /// How many connections were accepted so far.
  public var connectionCount: Int { state.connections.load(ordering: .acquiring) }

  /// How many requests came in so far.
  public var requestCount: Int { state.requests.load(ordering: .acquiring) }

  /// Closes the port and every connection; delays and stalls end at once. Does nothing the second time.
  public func stop() {
    guard let daemon = daemon.withLock({ $0.take() }) else { return }
    state.stopWaiting()
    MHD_stop_daemon(daemon.pointer)
  }
}
