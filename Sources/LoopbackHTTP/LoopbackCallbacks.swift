import CMicroHTTPD
import Synchronization

// libmicrohttpd calls these on its own threads. They must be plain functions: a closure could inherit an actor's
// isolation and trap.

/// A request that is coming in.
private final class Incoming {
  let target: String
  var body: [UInt8] = []
  var hasBegun = false

  init(target: String) { self.target = target }
}

func noteConnection(
  _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
  _ socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ what: MHD_ConnectionNotificationCode
) {
  guard let context, what == cmicrohttpd_started else { return }
  let state = Unmanaged<LoopbackState>.fromOpaque(context).takeUnretainedValue()
  // A number, not an address; one more than the index, since 0 is nothing.
  socketContext?.pointee = UnsafeMutableRawPointer(
    bitPattern: state.connections.add(1, ordering: .acquiringAndReleasing).newValue)
}

func beginRequest(
  _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>, _ connection: OpaquePointer
) -> UnsafeMutableRawPointer? {
  Unmanaged.passRetained(Incoming(target: String(cString: target))).toOpaque()
}

func endRequest(
  _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
  _ request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ why: MHD_RequestTerminationCode
) {
  guard let incoming = request?.pointee else { return }
  request?.pointee = nil
  Unmanaged<Incoming>.fromOpaque(incoming).release()
}

func handleRequest(
  _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ upload: UnsafePointer<CChar>?,
  _ uploadSize: UnsafeMutablePointer<Int>?, _ request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
  guard let context, let connection, let path, let method, let uploadSize, let pointer = request?.pointee else {
    return cmicrohttpd_close
  }
  let state = Unmanaged<LoopbackState>.fromOpaque(context).takeUnretainedValue()
  let incoming = Unmanaged<Incoming>.fromOpaque(pointer).takeUnretainedValue()
  guard incoming.hasBegun else {
    // The first call has the headers only.
    incoming.hasBegun = true
    return cmicrohttpd_go_on
  }
  if uploadSize.pointee > 0 {
    guard incoming.body.count + uploadSize.pointee <= LoopbackState.maximumBodyBytes else { return cmicrohttpd_close }
    incoming.body += UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee)
    uploadSize.pointee = 0
    return cmicrohttpd_go_on
  }
  let whole = LoopbackRequest(
    method: String(cString: method), path: String(cString: path), target: incoming.target,
    query: pairs(connection, cmicrohttpd_query), headers: pairs(connection, cmicrohttpd_headers),
    body: incoming.body, receivedIndex: state.requests.add(1, ordering: .acquiringAndReleasing).oldValue,
    connectionIndex: Int(bitPattern: cmicrohttpd_socket_context(connection)) - 1)
  incoming.body = []
  let response = state.handler(whole)
  state.wait(response.delaySeconds)
  if response.fault == .closeWithoutAnswer { return cmicrohttpd_close }
  return Answer.queue(response, on: connection, state)
}

private final class Pairs {
  var values: [(name: String, value: String)] = []
}

private func pairs(_ connection: OpaquePointer, _ kind: MHD_ValueKind) -> [(name: String, value: String)] {
  let pairs = Pairs()
  MHD_get_connection_values(connection, kind, collectPair, Unmanaged.passUnretained(pairs).toOpaque())
  return pairs.values
}

private func collectPair(
  _ context: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?,
  _ value: UnsafePointer<CChar>?
) -> MHD_Result {
  guard let context, let name else { return cmicrohttpd_go_on }
  let pairs = Unmanaged<Pairs>.fromOpaque(context).takeUnretainedValue()
  pairs.values.append((String(cString: name), value.map { String(cString: $0) } ?? ""))
  return cmicrohttpd_go_on
}
