import Glibc
import LoopbackHTTP

extension LoopbackResponse {
  /// The answer as it goes to the wire.
  init(_ answer: StandInAnswer) {
    let size: Int
    let body: Body
    switch answer.body {
    case .bytes(let bytes):
      size = bytes.count
      body = .bytes(bytes)
    case .file(let path):
      size = fileSize(path)
      body = .file(path)
    }
    self.init(status: answer.status, headers: answer.headers.map { (name: $0.0, value: $0.1) }, body: body)
    delaySeconds = Double(answer.delayMilliseconds) / 1000
    if answer.isTruncated { fault = .truncate(afterBytes: size / 2) }
  }
}

extension StandInAnswer {
  /// A file with its version, or the part of it that is asked for of the same version.
  static func file(_ path: String, _ request: StandInRequest) -> StandInAnswer {
    var information = stat()
    guard stat(path, &information) == 0 else { return .notFound }
    let size = Int(information.st_size)
    let version = "\"\(size)-\(information.st_mtim.tv_sec)-\(information.st_mtim.tv_nsec)\""
    var answer = StandInAnswer(
      status: 200, headers: [("Content-Type", "application/json"), ("ETag", version), ("Accept-Ranges", "bytes")],
      body: .file(path))
    guard let range = request.range, request.ifRange.map({ $0 == version }) ?? true, range.hasPrefix("bytes="),
      range.hasSuffix("-"), let first = Int(range.dropFirst(6).dropLast()), first >= 0
    else { return answer }
    guard first < size else {
      return StandInAnswer(status: 416, headers: [("Content-Range", "bytes */\(size)")], body: .bytes([]))
    }
    answer.status = 206
    answer.headers.append(("Content-Range", "bytes \(first)-\(size - 1)/\(size)"))
    answer.body = .bytes(bytes(ofFile: path, from: first, count: size - first))
    return answer
  }

  /// The same answer with the first half of the body only.
  func cut() -> StandInAnswer {
    var answer = self
    switch body {
    case .bytes(let bytes): answer.body = .bytes(Array(bytes.prefix(bytes.count / 2)))
    case .file(let path):
      answer.body = .bytes(bytes(ofFile: path, from: 0, count: fileSize(path) / 2))
    }
    return answer
  }
}

private func bytes(ofFile path: String, from first: Int, count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  bytes.removeLast(bytes.count - max(0, pread(descriptor, &bytes, bytes.count, first)))
  return bytes
}

private func fileSize(_ path: String) -> Int {
  var information = stat()
  return stat(path, &information) == 0 ? Int(information.st_size) : 0
}

/// Seconds on a clock that is never set.
public func monotonicClock() -> Double {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}
