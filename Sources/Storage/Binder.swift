/// Binds the parameters of a statement one after the other.
public struct Binder {
  private let statement: any Statement
  private(set) var index: Int32 = 0

  init(_ statement: any Statement) { self.statement = statement }

  private mutating func next() -> Int32 {
    index += 1
    return index
  }

  public mutating func callAsFunction(_ value: Int64?) { statement.bind(next(), value) }
  public mutating func callAsFunction(_ value: Int?) { statement.bind(next(), value.map(Int64.init)) }
  /// As 1 and 0.
  public mutating func callAsFunction(_ value: Bool?) { statement.bind(next(), value.map { $0 ? Int64(1) : 0 }) }
  public mutating func callAsFunction(_ value: Double?) { statement.bind(next(), value) }
  public mutating func callAsFunction(_ value: String?) { statement.bind(next(), value) }
  public mutating func callAsFunction(bytes value: [UInt8]?) { statement.bind(next(), bytes: value) }
}
