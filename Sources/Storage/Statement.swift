/// A prepared statement: bind, step, read columns, reset. Parameters count from 1, columns from 0.
public protocol Statement: AnyObject {
  // MARK: Parameters

  func bind(_ index: Int32, _ value: Int64?)
  func bind(_ index: Int32, _ value: Double?)
  func bind(_ index: Int32, _ value: String?)
  func bind(_ index: Int32, bytes: [UInt8]?)
  /// The first `count` parameters are bound for the run that comes; the others are NULL.
  func noteBound(_ count: Int32)

  // MARK: Running

  /// Ends the current run and forgets what was bound.
  func reset()
  /// Moves to the next row; false when there is none.
  func step() throws -> Bool
  /// Runs to the end and resets; rows are not wanted. A database may put it off until something is read or the
  /// transaction ends, which then throws what came of it.
  func run() throws
  /// Runs an INSERT, UPDATE or DELETE and resets; returns how many rows it changed.
  func change() throws -> Int
  /// Runs an INSERT of one row into a table with an `id` and resets; returns that. nil when ON CONFLICT left it out.
  func insertUnlessKnown() throws -> Int64?

  // MARK: Columns

  func isNull(_ column: Int32) -> Bool
  /// A whole number, or 1 and 0 for what a comparison gives; 0 for NULL.
  func integer(_ column: Int32) -> Int64
  func optionalInteger(_ column: Int32) -> Int64?
  func optionalDouble(_ column: Int32) -> Double?
  /// Text; empty for NULL.
  func text(_ column: Int32) -> String
  func optionalText(_ column: Int32) -> String?
  func optionalBytes(_ column: Int32) -> [UInt8]?
}

/// An INSERT did not say which row it made.
public struct NothingInserted: Error, Sendable {
  public init() {}
}

extension Statement {
  /// Binds every parameter in order and returns the statement. A value that the database refuses makes the run throw.
  public func binding(_ body: (inout Binder) -> Void) -> any Statement {
    reset()
    var binder = Binder(self)
    body(&binder)
    noteBound(binder.index)
    return self
  }

  /// Runs an INSERT of one row into a table with an `id` and resets; returns that.
  public func insert() throws -> Int64 {
    guard let id = try insertUnlessKnown() else { throw NothingInserted() }
    return id
  }

  /// Runs `body` for every row, then resets.
  public func forEachRow(_ body: (any Statement) throws -> Void) throws {
    defer { reset() }
    while try step() { try body(self) }
  }

  /// What `body` makes of every row.
  public func rows<Row>(_ body: (any Statement) throws -> Row) throws -> [Row] {
    var rows: [Row] = []
    try forEachRow { rows.append(try body($0)) }
    return rows
  }

  /// What `body` makes of the first row; nil without one.
  public func firstRow<Row>(_ body: (any Statement) throws -> Row) throws -> Row? {
    defer { reset() }
    return try step() ? try body(self) : nil
  }

  public func bool(_ column: Int32) -> Bool { integer(column) != 0 }
  public func optionalBool(_ column: Int32) -> Bool? { optionalInteger(column).map { $0 != 0 } }
}
