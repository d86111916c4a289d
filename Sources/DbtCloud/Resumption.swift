import Glibc
import HTTPClient

/// Whether a download that was cut is gone on with at once. Pure.
struct Resumption {
  /// What has come so far.
  private(set) var rest: HTTPPartialFile?
  private var cuts = 0

  /// A download that is cut more often waits for the next call: the network is not what it should be.
  static let cutsAtMost = 8

  init(_ rest: HTTPPartialFile?) { self.rest = rest }

  /// Notes a cut; returns whether to go on now: only while something of the file comes each time.
  mutating func note(_ failure: HTTPError) -> Bool {
    cuts += 1
    guard let file = failure.partialFile, cuts <= Self.cutsAtMost else { return false }
    // A compressed body cannot be gone on with: the file is asked for once more, without compression.
    let isProgress = rest.map { file.bytes > $0.bytes || file.validator != $0.validator } ?? true
    rest = file
    return isProgress
  }
}

/// The first kilobyte of a file; nil when it cannot be read.
func beginningOfFile(_ path: String) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 1024)
  let count = read(descriptor, &bytes, bytes.count)
  return count >= 0 ? Array(bytes[..<count]) : nil
}

/// Whether a text with this beginning may be a JSON object. Some tools put a byte order mark before it.
func mayBeObject(_ beginning: [UInt8]) -> Bool {
  let text = beginning.starts(with: [0xEF, 0xBB, 0xBF]) ? beginning[3...] : beginning[...]
  return text.first { $0 > 0x20 } == UInt8(ascii: "{")
}

func removeFile(_ path: String) { unlink(path) }
