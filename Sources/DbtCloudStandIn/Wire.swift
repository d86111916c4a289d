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
  /// The same answer with the first half of the body only.
  func cut() -> StandInAnswer {
    var answer = self
    switch body {
    case .bytes(let bytes): answer.body = .bytes(Array(bytes.prefix(bytes.count / 2)))
    case .file(let path):
      var bytes = [UInt8](repeating: 0, count: fileSize(path) / 2)
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      if descriptor >= 0 {
        bytes.removeLast(bytes.count - max(0, read(descriptor, &bytes, bytes.count)))
        close(descriptor)
      }
      answer.body = .bytes(bytes)
    }
    return answer
  }
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
