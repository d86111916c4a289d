/// One connection to a database, whichever it is. Every call blocks until it is done. Not sendable: it lives inside one
/// actor that runs on a thread of its own.
public protocol Database: AnyObject {
  /// The file or the server, for messages.
  var name: String { get }

  /// Whether each statement travels and is read and planned anew, so that one about many rows is better than one for each.
  var isServer: Bool { get }

  /// Runs one or more statements that take no parameters and whose rows nobody wants.
  func execute(_ sql: String) throws

  /// A prepared statement, made once per text and reset before it is handed out. Do not hold two uses of one text at
  /// the same time.
  func prepare(_ sql: String) throws -> any Statement

  /// As ``prepare(_:)-(String)``, for a statement that runs again and again.
  func prepare(_ sql: SQL) throws -> any Statement

  /// Runs `body` in one transaction: all of it is kept, or nothing.
  func transaction<Result>(_ body: () throws -> Result) throws -> Result

  /// Runs `body` on one unchanging view of the database.
  func snapshot<Result>(_ body: () throws -> Result) throws -> Result
}

extension Database {
  /// The first column of the first row as a number; nil without a row.
  public func integer(_ sql: String) throws -> Int64? {
    try prepare(sql).firstRow { $0.optionalInteger(0) } ?? nil
  }
}
