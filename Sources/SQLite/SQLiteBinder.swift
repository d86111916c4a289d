/// Binds the parameters of a statement one after the other.
public struct SQLiteBinder {
  private let statement: SQLiteStatement
  fileprivate private(set) var index: Int32 = 0

  fileprivate init(_ statement: SQLiteStatement) { self.statement = statement }

  private mutating func next() -> Int32 {
    index += 1
    return index
  }

  public mutating func callAsFunction(_ value: Int64?) { statement.bind(next(), value) }
  public mutating func callAsFunction(_ value: Int?) { statement.bind(next(), value) }
  public mutating func callAsFunction(_ value: Bool?) { statement.bind(next(), value) }
  public mutating func callAsFunction(_ value: Double?) { statement.bind(next(), value) }
  public mutating func callAsFunction(_ value: String?) { statement.bind(next(), value) }
  public mutating func callAsFunction(bytes value: [UInt8]?) { statement.bind(next(), bytes: value) }
}

extension SQLiteStatement {
  /// Binds every parameter in order and returns the statement. A value that SQLite refuses makes the next ``step()``
  /// throw.
  public func binding(_ body: (inout SQLiteBinder) -> Void) -> SQLiteStatement {
    reset()
    var binder = SQLiteBinder(self)
    body(&binder)
    noteBound(binder.index)
    return self
  }
}

/// Reads the columns of a row one after the other.
public struct SQLiteColumns {
  private let statement: SQLiteStatement
  private var index: Int32 = -1

  public init(_ statement: SQLiteStatement) { self.statement = statement }

  private mutating func next() -> Int32 {
    index += 1
    return index
  }

  public mutating func integer() -> Int64 { statement.integer(next()) }
  public mutating func optionalInteger() -> Int64? { statement.optionalInteger(next()) }
  public mutating func int() -> Int { Int(statement.integer(next())) }
  public mutating func optionalInt() -> Int? { statement.optionalInteger(next()).map(Int.init) }
  public mutating func bool() -> Bool { statement.bool(next()) }
  public mutating func optionalBool() -> Bool? { statement.optionalBool(next()) }
  public mutating func optionalDouble() -> Double? { statement.optionalDouble(next()) }
  public mutating func text() -> String { statement.text(next()) }
  public mutating func optionalText() -> String? { statement.optionalText(next()) }
  public mutating func optionalBytes() -> [UInt8]? { statement.optionalBytes(next()) }
}
