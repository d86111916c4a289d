import CLibPQ
import Glibc

/// A result in memory, in binary format.
final class PostgresResult {
  private let raw: OpaquePointer

  init(_ raw: OpaquePointer) { self.raw = raw }

  deinit { PQclear(raw) }

  var count: Int32 { PQntuples(raw) }
  /// Rows that the statement changed or returned.
  var changes: Int { PQcmdTuples(raw).flatMap { Int(String(cString: $0)) } ?? 0 }
  /// `COMMIT`, `ROLLBACK`, `INSERT 0 1`, …
  var command: String { PQcmdStatus(raw).map { String(cString: $0) } ?? "" }

  /// nil for NULL, and for a column or row that is not there.
  func bytes(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer? {
    guard row >= 0, row < PQntuples(raw), column >= 0, column < PQnfields(raw), PQgetisnull(raw, row, column) == 0
    else { return nil }
    return UnsafeRawBufferPointer(start: PQgetvalue(raw, row, column), count: Int(PQgetlength(raw, row, column)))
  }

  func type(_ column: Int32) -> Oid { PQftype(raw, column) }
}

/// Statements that are sent one after the other without waiting for what comes of them ("Pipeline Mode" in the manual of
/// libpq). Nothing of it reaches the server's session: it goes through PgBouncer in transaction mode.
extension Session {
  /// So many answers are read at least, so that neither side's memory grows without an end.
  private static let queueLimit = 1000

  /// Sends a statement, unnamed. What comes of it is told by ``settle(_:)``.
  func queue(_ sql: String, _ operation: Operation, _ parameters: EncodedParameters = EncodedParameters()) throws {
    let name = PostgresError.name(of: sql)
    guard !isSpent else { throw error(.lost, "the connection is closed", name) }
    try parameters.check()
    if queued.count >= Self.queueLimit { _ = try settle(operation) }
    if PQpipelineStatus(connection.raw) == PQ_PIPELINE_OFF, PQenterPipelineMode(connection.raw) != 1 {
      throw error(.usage, connection.errorMessage, name)
    }
    let sent = parameters.withValues { values in
      PQsendQueryParams(
        connection.raw, sql, Int32(values.count), parameters.types, values, parameters.lengths,
        [Int32](repeating: 1, count: values.count), 1)
    }
    guard sent == 1 else {
      let message = connection.errorMessage
      let isBroken = connection.isBroken
      drop()
      throw error(isBroken ? .lost : .usage, message, name)
    }
    queued.append(name)
  }

  /// Waits until everything sent is done. Returns what came of the last statement; nil when there was none.
  ///
  /// - Throws: the error of the first statement that failed. Those behind it were not run.
  @discardableResult
  func settle(_ operation: Operation) throws -> PostgresResult? {
    guard let last = queued.last else { return nil }
    let names = queued
    queued.removeAll(keepingCapacity: true)
    var results: PostgresResult?
    var complaint: PostgresError?
    do {
      guard PQpipelineSync(connection.raw) == 1 else { throw Halt.broken }
      try flush(operation)
      var done = 0
      var isDone = false
      while true {
        guard let raw = try nextResult(operation) else {
          // One after each statement; a second one means that there is nothing to wait for.
          guard !isDone, !connection.isBroken else { throw Halt.broken }
          (done, isDone) = (done + 1, true)
          continue
        }
        isDone = false
        let result = PostgresResult(raw)
        let status = PQresultStatus(raw)
        if status == PGRES_PIPELINE_SYNC { break }
        switch status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: results = result
        case PGRES_PIPELINE_ABORTED: break
        default: complaint = complaint ?? serverError(raw, done < names.count ? names[done] : last)
        }
      }
    } catch let interruption as Interruption {
      // What was sent may be anything: only the end of the connection stops all of it.
      _ = CancelRequest.send(connection, done: {})
      drop()
      throw error(interruption, last)
    } catch {
      drop()
      if var complaint {
        complaint.kind = .lost
        throw complaint
      }
      throw self.error(.lost, connection.errorMessage, last)
    }
    guard var complaint else { return results }
    if connection.isBroken {
      drop()
      complaint.kind = .lost
    }
    throw complaint
  }

  /// Leaves the pipeline, for a script of several statements.
  func leavePipeline() throws {
    guard PQpipelineStatus(connection.raw) != PQ_PIPELINE_OFF, PQexitPipelineMode(connection.raw) != 1 else { return }
    throw error(.usage, connection.errorMessage, "pipeline")
  }
}
