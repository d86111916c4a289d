import Glibc
import Platform

/// A folder in TMPDIR for the ledger of one measurement.
struct BenchmarkFolder {
  let path: String

  /// - Throws: ``NoFolder``.
  init() throws {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/airflow-syncer-benchmark-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw NoFolder(base: base, reason: String(cString: strerror(errno))) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  var ledger: String { path + "/ledger.db" }

  func remove() {
    for ending in ["", "-wal", "-shm", ".lock"] { unlink(ledger + ending) }
    rmdir(path)
  }

  /// No folder could be made.
  struct NoFolder: Error, CustomStringConvertible {
    let base: String
    let reason: String

    var description: String { "no folder can be made in \(base): \(reason). Set TMPDIR to one that can be written to." }
  }
}
