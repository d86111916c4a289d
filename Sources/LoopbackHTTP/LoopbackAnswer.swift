import CMicroHTTPD
import Glibc

/// Hands an answer to libmicrohttpd.
enum Answer {
  static func queue(_ response: LoopbackResponse, on connection: OpaquePointer, _ state: LoopbackState) -> MHD_Result {
    guard let answer = make(response, state) else {
      let text = "the file of the answer cannot be read\n"
      return queue(LoopbackResponse(status: 500, text: text, contentType: "text/plain"), on: connection, state)
    }
    defer { MHD_destroy_response(answer) }
    for (name, value) in response.headers { MHD_add_response_header(answer, name, value) }
    return MHD_queue_response(connection, UInt32(response.status), answer)
  }

  private static func make(_ response: LoopbackResponse, _ state: LoopbackState) -> OpaquePointer? {
    switch (response.fault, response.body) {
    case (.none, .bytes(let bytes)):
      // libmicrohttpd copies, and only reads: its interface is not const-correct.
      return bytes.withUnsafeBytes {
        MHD_create_response_from_buffer(
          $0.count, UnsafeMutableRawPointer(mutating: $0.baseAddress), cmicrohttpd_copy)
      }
    case (.none, .file(let path)):
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      var status = stat()
      guard descriptor >= 0 else { return nil }
      guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        close(descriptor)
        return nil
      }
      return MHD_create_response_from_fd64(UInt64(status.st_size), descriptor)  // which closes it
    case (_, .bytes(let bytes)): return make(FaultyBody(bytes, response.fault, state))
    case (_, .file(let path)):
      guard let bytes = readFile(path) else { return nil }
      return make(FaultyBody(bytes, response.fault, state))
    }
  }

  private static func make(_ body: FaultyBody) -> OpaquePointer? {
    let context = Unmanaged.passRetained(body).toOpaque()
    return MHD_create_response_from_callback(
      UInt64(body.bytes.count), 1 << 15, readFaultyBody, context, releaseFaultyBody)
  }

  private static func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &piece, piece.count)
      guard count > 0 else { return count == 0 ? bytes : nil }
      bytes += piece[..<count]
    }
  }
}

/// A body that breaks off or stalls. Used by one connection's thread.
private final class FaultyBody {
  let bytes: [UInt8]
  private let fault: LoopbackResponse.Fault
  private let state: LoopbackState
  private var hasStalled = false

  init(_ bytes: [UInt8], _ fault: LoopbackResponse.Fault, _ state: LoopbackState) {
    self.bytes = bytes
    self.fault = fault
    self.state = state
  }

  func read(at position: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    var end = bytes.count
    switch fault {
    case .truncate(let afterBytes):
      end = min(end, afterBytes)
      if position >= end { return cmicrohttpd_end_with_error }
    case .stall(let afterBytes, let seconds):
      if position < afterBytes {
        end = min(end, afterBytes)
      } else if !hasStalled {
        hasStalled = true
        state.wait(seconds)
      }
    case .none, .closeWithoutAnswer: break
    }
    if position >= end { return cmicrohttpd_end }
    let count = min(end - position, buffer.count)
    bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count])) }
    return count
  }
}

private func readFaultyBody(
  _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int
) -> Int {
  guard let context, let buffer else { return cmicrohttpd_end_with_error }
  return Unmanaged<FaultyBody>.fromOpaque(context).takeUnretainedValue()
    .read(at: Int(position), into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
}

private func releaseFaultyBody(_ context: UnsafeMutableRawPointer?) {
  if let context { Unmanaged<FaultyBody>.fromOpaque(context).release() }
}
