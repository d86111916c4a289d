/// Reads the columns of a row one after the other.
public struct Columns {
  private let statement: any Statement
  private var index: Int32 = -1

  public init(_ statement: any Statement) { self.statement = statement }

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
