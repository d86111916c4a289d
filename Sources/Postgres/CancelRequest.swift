import CLibPQ
import Synchronization

/// Asks the server to cancel what a connection runs. `PQcancel` opens a connection of its own and blocks, so it runs on
/// a thread of its own. The request goes unencrypted, as libpq before 17 always sends it; it carries no credential.
final class CancelRequest: @unchecked Sendable {
  // Unchecked because of this handle, which only the request's own thread uses once it has started.
  private let raw: OpaquePointer
  private let finished = Atomic<Bool>(false)

  private init(_ raw: OpaquePointer) { self.raw = raw }

  deinit { PQfreeCancel(raw) }

  /// Whether the server has taken the request (or cannot be reached): no later query can be hit by it any more.
  var isFinished: Bool { finished.load(ordering: .acquiring) }

  /// - Parameter done: called on the request's thread once ``isFinished`` holds.
  /// - Returns: nil when no request could be sent.
  static func send(_ connection: LibPQConnection, done: @escaping @Sendable () -> Void) -> CancelRequest? {
    guard let raw = PQgetCancel(connection.raw) else { return nil }
    let request = CancelRequest(raw)
    let started = onOwnThread(name: "pg-cancel") {
      var complaint = [CChar](repeating: 0, count: 256)
      _ = PQcancel(request.raw, &complaint, Int32(complaint.count))
      request.finished.store(true, ordering: .releasing)
      done()
    }
    return started ? request : nil
  }
}
