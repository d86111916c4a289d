import Storage

/// A statement of Postgres: parsed anew at each run, because nothing may be left behind in a session that others use. Its
/// rows are in memory from the first step on, so that other statements may run between them.
public final class PostgresStatement: Statement {
  private unowned let database: PostgresDatabase
  private let sql: PostgresSQL
  private var parameters = EncodedParameters()
  private var result: PostgresResult?
  private var row: Int32 = -1

  init(database: PostgresDatabase, sql: String) {
    self.database = database
    self.sql = PostgresSQL(sql)
  }

  public func reset() {
    result = nil
    row = -1
    parameters.removeAll()
  }

  // MARK: Parameters

  // Each with its type, NULL too: the server could not tell it everywhere. They come in order.
  private enum TypeID {
    static let bytea: UInt32 = 17
    static let int8: UInt32 = 20
    static let text: UInt32 = 25
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
  }

  public func bind(_ index: Int32, _ value: Int64?) {
    parameters.append(type: TypeID.int8, isNull: value == nil) { $0.append(bigEndian: value ?? 0) }
  }
  public func bind(_ index: Int32, _ value: Double?) {
    // SQLite takes a number that is none for NULL.
    let number = value.flatMap { $0.isNaN ? nil : $0 }
    parameters.append(type: TypeID.float8, isNull: number == nil) { $0.append(bigEndian: (number ?? 0).bitPattern) }
  }
  public func bind(_ index: Int32, _ value: String?) {
    parameters.append(type: TypeID.text, isNull: value == nil) { StoredText.append(value ?? "", to: &$0) }
  }
  public func bind(_ index: Int32, bytes: [UInt8]?) {
    parameters.append(type: TypeID.bytea, isNull: bytes == nil) { $0.append(contentsOf: bytes ?? []) }
  }
  public func noteBound(_ count: Int32) {
    for _ in parameters.types.count..<max(parameters.types.count, sql.parameters) { bind(0, String?.none) }
  }

  // MARK: Running

  private func ask(_ text: String) throws -> PostgresResult? {
    try send(text)
    return try database.settle(text)
  }

  private func send(_ text: String) throws {
    noteBound(0)
    try database.queue(text, parameters)
  }

  public func step() throws -> Bool {
    if row < 0 { result = try ask(sql.text) }
    row += 1
    return row < result?.count ?? 0
  }

  public func run() throws {
    defer { reset() }
    try send(sql.text)
  }

  public func change() throws -> Int {
    defer { reset() }
    return try ask(sql.text)?.changes ?? 0
  }

  public func insertUnlessKnown() throws -> Int64? {
    defer { reset() }
    result = try ask(sql.text + " RETURNING id")
    row = 0
    return optionalInteger(0)
  }

  // MARK: Columns

  private func bytes(_ column: Int32) -> UnsafeRawBufferPointer? { result?.bytes(row, column) }

  public func isNull(_ column: Int32) -> Bool { bytes(column) == nil }
  public func integer(_ column: Int32) -> Int64 { optionalInteger(column) ?? 0 }
  public func optionalInteger(_ column: Int32) -> Int64? {
    guard let bytes = bytes(column) else { return nil }
    return switch bytes.count {
    case 8: bytes.bigEndian(Int64.self)
    case 4: Int64(bytes.bigEndian(Int32.self))
    case 2: Int64(bytes.bigEndian(Int16.self))
    // What a comparison gives.
    case 1: Int64(bytes[0])
    default: nil
    }
  }
  public func optionalDouble(_ column: Int32) -> Double? {
    guard let bytes = bytes(column), let result else { return nil }
    switch (result.type(column), bytes.count) {
    case (TypeID.float8, 8): return Double(bitPattern: bytes.bigEndian(UInt64.self))
    case (TypeID.float4, 4): return Double(Float(bitPattern: bytes.bigEndian(UInt32.self)))
    default: return optionalInteger(column).map(Double.init)
    }
  }
  public func text(_ column: Int32) -> String { optionalText(column) ?? "" }
  public func optionalText(_ column: Int32) -> String? { bytes(column).map(StoredText.read) }
  public func optionalBytes(_ column: Int32) -> [UInt8]? { bytes(column).map { Array($0) } }
}
