/// An open transaction. Valid only inside the body that gets it, on the thread that runs it.
///
/// When a statement fails, is stopped, or the callback of its rows throws, the transaction takes no further one.
public final class PostgresTransaction {
  private let session: Session
  private let operation: Operation
  private var isOver = false
  // What ended the transaction early, so that a body that swallows it cannot go on half blind.
  private var failure: (any Error)?

  init(_ session: Session, _ operation: Operation) {
    self.session = session
    self.operation = operation
  }

  /// Runs one statement, unnamed, with binary results, and calls `row` for each row while they arrive; at no time is
  /// more than one row and libpq's read buffer in memory.
  ///
  /// - Throws: ``PostgresError``, or what `row` throws; then the rest of the result is given up.
  public func query(
    _ sql: String, _ parameters: [PostgresParameter] = [], row: (PostgresRow) throws -> Void
  ) throws {
    try perform(sql) { try session.query(sql, parameters, operation, row: row) }
  }

  /// Streams a SELECT through `COPY (select) TO STDOUT (FORMAT binary)`: less work per row than ``query(_:_:row:)``
  /// for large results, but without parameters.
  ///
  /// - Parameter meanwhile: work of the caller's own to be done once, while the server begins with the result.
  /// - Throws: ``PostgresError``, or what `row` throws; then the rest of the result is given up.
  public func copyOut(
    _ select: String, meanwhile: () -> Void = {}, row: (PostgresRow) throws -> Void
  ) throws {
    try perform(select) { try session.copyOut(select, operation, meanwhile: meanwhile, row: row) }
  }

  private func perform(_ sql: String, _ work: () throws -> Void) throws {
    if isOver {
      throw PostgresError(.usage, "the transaction is over", query: PostgresError.name(of: sql))
    }
    if session.isBusy {
      throw PostgresError(
        .usage, "a statement inside the callback of another one's rows", query: PostgresError.name(of: sql))
    }
    if let failure { throw failure }
    do {
      try work()
    } catch {
      failure = error
      throw error
    }
  }

  /// The body is through.
  ///
  /// - Throws: a deadline, a cancellation or a lost connection, which a body must not hide: what it read is not whole.
  func end() throws {
    isOver = true
    if let failure = failure as? PostgresError, [.deadline, .cancelled, .lost].contains(failure.kind) { throw failure }
  }
}
