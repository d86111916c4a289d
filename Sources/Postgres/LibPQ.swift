import CLibPQ
import ExecutionModel
import Glibc

/// Owns one `PGconn` and closes it.
///
/// Unchecked because libpq lets any thread use a connection as long as only one does at a time; ``Opening`` hands it
/// from the thread that opened it to the one thread that uses it.
final class LibPQConnection: @unchecked Sendable {
  let raw: OpaquePointer

  init(_ raw: OpaquePointer) {
    self.raw = raw
    // libpq prints notices to stderr otherwise.
    PQsetNoticeReceiver(raw, ignoreNotice, nil)
  }

  deinit { PQfinish(raw) }

  var isBroken: Bool { PQstatus(raw) == CONNECTION_BAD }

  /// What libpq last complained about, on one line.
  var errorMessage: String { libpqText(PQerrorMessage(raw)) ?? "out of memory" }
}

/// Text of libpq or of the server on one line. An error can arrive before its encoding is settled.
func libpqText(_ text: UnsafePointer<CChar>?) -> String? {
  guard let text else { return nil }
  let lossless = String(lossless: UnsafeRawBufferPointer(start: text, count: strlen(text)))
  return lossless.split(whereSeparator: \.isNewline).joined(separator: " ")
}

private func ignoreNotice(_: UnsafeMutableRawPointer?, _: OpaquePointer?) {}
