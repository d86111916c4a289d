import CLibPQ
import ExecutionModel
import Glibc
import Platform

/// One open connection on the thread that uses it: nonblocking libpq around `poll(2)`, so that no wait is unbounded.
final class Session {
  /// Seconds for cancelling and draining a query, and for ending a transaction, beyond its own deadline.
  static let grace = 2.0

  let connection: LibPQConnection
  let wakeUp: WakeUp
  private let target: String
  /// Whether a statement is under way whose results are not read to their end.
  private(set) var isBusy = false
  /// Whether nothing can be done with this connection any more.
  private(set) var isSpent = false
  /// What was sent in a pipeline and not answered yet, by its name.
  var queued: [String] = []

  init(_ connection: LibPQConnection, target: String, wakeUp: WakeUp) {
    self.connection = connection
    self.target = target
    self.wakeUp = wakeUp
  }

  /// As libpq counts: 150020 for 15.20. PgBouncer passes on that of the server.
  var serverVersion: Int { Int(PQserverVersion(connection.raw)) }

  /// Whether the database keeps text in UTF-8.
  var isUTF8: Bool { libpqText(PQparameterStatus(connection.raw, "server_encoding")) == "UTF8" }

  /// Whether the database takes text without looking at its encoding.
  var isSQLASCII: Bool {
    libpqText(PQparameterStatus(connection.raw, "server_encoding")) == "SQL_ASCII"
  }

  enum TransactionState { case none, open, failed, unknown }

  var transactionState: TransactionState {
    switch PQtransactionStatus(connection.raw) {
    case PQTRANS_IDLE: .none
    case PQTRANS_INTRANS: .open
    case PQTRANS_INERROR: .failed
    default: .unknown
    }
  }

  // MARK: - Statements

  /// Runs statements without parameters or rows in one round trip.
  func run(_ script: String, _ operation: Operation) throws {
    let name = PostgresError.name(of: script)
    try perform(name, operation, send: { PQsendQuery(connection.raw, script) }, result: { _ in })
  }

  /// Runs one statement and streams its rows. In single-row mode: libpq holds one row at a time.
  func query(
    _ sql: String, _ parameters: [PostgresParameter], _ operation: Operation, row: (PostgresRow) throws -> Void
  ) throws {
    let fields = RowFields(query: PostgresError.name(of: sql))
    let encoded = try EncodedParameters(parameters)
    try perform(
      fields.query, operation, send: { start(sql, encoded) },
      result: { result in
        for index in 0..<PQntuples(result) {
          fields.load(result, row: index)
          defer { fields.clear() }
          try row(PostgresRow(fields: fields))
        }
      })
  }

  /// Streams the rows of a SELECT through `COPY … TO STDOUT (FORMAT binary)`.
  func copyOut(
    _ select: String, _ operation: Operation, meanwhile: () -> Void, row: (PostgresRow) throws -> Void
  ) throws {
    let fields = RowFields(query: PostgresError.name(of: select))
    var statement = Substring(select)
    while let last = statement.last, last.isWhitespace || last == ";" { statement.removeLast() }
    // The line break ends a comment in the last line.
    let sql = "COPY (\(statement)\n) TO STDOUT (FORMAT binary)"
    let none = try EncodedParameters([])
    var isFirst = true
    try perform(
      fields.query, operation, send: { start(sql, none) }, meanwhile: meanwhile, result: { _ in },
      copy: { message in
        // One message holds one row (Frontend/Backend Protocol, COPY Operations), the first one the header as well.
        let header = isFirst ? try fields.copyHeaderLength(message) : 0
        isFirst = false
        let tuple = UnsafeRawBufferPointer(rebasing: message[header...])
        defer { fields.clear() }
        if !tuple.isEmpty, try fields.load(tuple: tuple) { try row(PostgresRow(fields: fields)) }
      })
  }

  private func start(_ sql: String, _ parameters: EncodedParameters) -> Int32 {
    let sent = parameters.withValues { values in
      PQsendQueryParams(
        connection.raw, sql, Int32(values.count), parameters.types, values, parameters.lengths,
        [Int32](repeating: 1, count: values.count), 1)
    }
    return sent == 1 ? PQsetSingleRowMode(connection.raw) : sent
  }

  // MARK: - One statement from sending to its last result

  enum Halt: Error {
    case broken
    case callback(any Error)
    case unexpectedCopy
  }

  private func perform(
    _ name: String, _ operation: Operation, send: () -> Int32, meanwhile: () -> Void = {},
    result: (OpaquePointer) throws -> Void,
    copy: (UnsafeRawBufferPointer) throws -> Void = { _ in throw Halt.unexpectedCopy }
  ) throws {
    guard !isSpent else { throw error(.lost, "the connection is closed", name) }
    guard !isBusy else { throw error(.usage, "a statement inside the callback of another one's rows", name) }
    do { try operation.check() } catch { throw self.error(error, name) }
    if send() != 1 {
      isSpent = connection.isBroken
      throw error(isSpent ? .lost : .usage, connection.errorMessage, name)
    }
    isBusy = true
    defer { isBusy = false }
    var complaint: PostgresError?
    do {
      try flush(operation)
      meanwhile()
      while let next = try nextResult(operation) {
        defer { PQclear(next) }
        switch PQresultStatus(next) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_EMPTY_QUERY:
          do { try result(next) } catch { throw Halt.callback(error) }
        case PGRES_COPY_OUT:
          try readCopy(operation, copy)
        case PGRES_COPY_IN, PGRES_COPY_BOTH: throw Halt.unexpectedCopy
        default: complaint = complaint ?? serverError(next, name)
        }
      }
    } catch let interruption as Interruption {
      stop()
      throw error(interruption, name)
    } catch Halt.callback(Halt.unexpectedCopy), Halt.unexpectedCopy {
      isSpent = true
      throw error(.usage, "COPY is not possible here", name)
    } catch Halt.callback(let error) {
      stop()
      throw error
    } catch {
      isSpent = true
      if var complaint {
        complaint.kind = .lost
        throw complaint
      }
      throw self.error(.lost, connection.errorMessage, name)
    }
    guard var complaint else { return }
    if connection.isBroken {
      isSpent = true
      complaint.kind = .lost
    }
    throw complaint
  }

  func flush(_ operation: Operation) throws {
    var unsent = PQflush(connection.raw)
    while unsent == 1 {
      // The server may be waiting for us to read before it reads on.
      try wait(POLLIN | POLLOUT, operation)
      unsent = PQflush(connection.raw)
    }
    if unsent < 0 { throw Halt.broken }
  }

  func nextResult(_ operation: Operation) throws -> OpaquePointer? {
    while PQisBusy(connection.raw) == 1 { try wait(POLLIN, operation) }
    return PQgetResult(connection.raw)
  }

  private func wait(_ events: Int32, _ operation: Operation) throws {
    let socket = PQsocket(connection.raw)
    guard socket >= 0 else { throw Halt.broken }
    try operation.wait(for: socket, events)
    guard PQconsumeInput(connection.raw) == 1 else { throw Halt.broken }
  }

  private func readCopy(_ operation: Operation, _ message: (UnsafeRawBufferPointer) throws -> Void) throws {
    while true {
      var data: UnsafeMutablePointer<CChar>?
      let length = PQgetCopyData(connection.raw, &data, 1)
      if length == 0 {
        try wait(POLLIN, operation)
      } else if length > 0, let data {
        defer { PQfreemem(data) }
        do { try message(UnsafeRawBufferPointer(start: data, count: Int(length))) } catch { throw Halt.callback(error) }
      } else if length == -1 {
        return  // the result that follows says whether it went well
      } else {
        throw Halt.broken
      }
    }
  }

  // MARK: - Stopping

  /// Gives the connection up; ``isSpent`` holds afterwards.
  func drop() { isSpent = true }

  // Cancels what runs and reads its remains. The connection is kept only when the server is done with the query and
  // with the request, so that the request cannot hit what comes next.
  private func stop() {
    let grace = Operation(seconds: Self.grace, wakeUp: wakeUp)
    guard let request = CancelRequest.send(connection, done: { grace.wake() }) else { return drop() }
    do {
      try flush(grace)
      while let result = try nextResult(grace) {
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COPY_OUT: try readCopy(grace) { _ in }
        case PGRES_COPY_IN, PGRES_COPY_BOTH: throw Halt.unexpectedCopy
        default: break
        }
      }
      try grace.wait { request.isFinished }
      isSpent = connection.isBroken
    } catch {
      drop()
    }
  }

  // MARK: - Errors

  func error(_ kind: PostgresError.Kind, _ message: String, _ name: String) -> PostgresError {
    PostgresError(kind, message, query: name, target: target)
  }

  func error(_ interruption: Interruption, _ name: String) -> PostgresError {
    let outcome = isSpent ? "its connection was dropped" : "it was cancelled"
    return switch interruption {
    case .deadline: error(.deadline, "the deadline passed and \(outcome)", name)
    case .cancelled: error(.cancelled, "the caller was cancelled and \(outcome)", name)
    }
  }

  func serverError(_ result: OpaquePointer, _ name: String) -> PostgresError {
    func field(_ code: Unicode.Scalar) -> String? {
      libpqText(PQresultErrorField(result, Int32(code.value)))
    }
    // The codes of PG_DIAG_* in postgres_ext.h, which are macros of character constants.
    return PostgresError(
      .server, field("M") ?? libpqText(PQresultErrorMessage(result)) ?? "no message", sqlState: field("C"),
      detail: field("D"), hint: field("H"), query: name, target: target)
  }
}
