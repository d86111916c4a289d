import CSQLite
import Storage

/// A prepared statement of SQLite.
public final class SQLiteStatement: Statement {
  private let handle: OpaquePointer
  private unowned let database: SQLiteDatabase
  private let sql: String
  private let parameters: Int32
  /// The first value that could not be bound (too long for SQLite); told by the next step.
  private var bindCode = SQLITE_OK
  /// A run has begun and was not ended.
  private var isRunning = false
  /// What is bound was bound for the run that comes; else it is left over from the one before.
  private var isBound = false
  /// Something is bound that is too large to be kept until the statement is used again.
  private var holdsMuch = false

  /// Where texts stand while they are bound: SQLite would allocate and free memory for each.
  private let texts: UnsafeMutableRawBufferPointer
  private var textsEnd = 0

  init(database: SQLiteDatabase, sql: String) throws {
    var made: OpaquePointer?
    let code = sqlite3_prepare_v3(database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
    guard code == SQLITE_OK, let made else {
      throw SQLiteError(database.handle, code: code, context: SQLiteDatabase.beginning(of: sql))
    }
    handle = made
    self.database = database
    self.sql = sql
    parameters = sqlite3_bind_parameter_count(made)
    texts = .allocate(byteCount: parameters > 0 ? 1024 : 0, alignment: 1)
  }

  deinit {
    sqlite3_finalize(handle)
    texts.deallocate()
  }

  public func reset() {
    if isRunning { sqlite3_reset(handle) }
    if holdsMuch { sqlite3_clear_bindings(handle) }
    (isRunning, isBound, holdsMuch) = (false, false, false)
    (bindCode, textsEnd) = (SQLITE_OK, 0)
  }

  private func note(_ code: Int32) {
    if bindCode == SQLITE_OK { bindCode = code }
  }

  // MARK: Parameters

  public func bind(_ index: Int32, _ value: Int64?) {
    note(value.map { sqlite3_bind_int64(handle, index, $0) } ?? sqlite3_bind_null(handle, index))
  }
  public func bind(_ index: Int32, _ value: Double?) {
    note(value.map { sqlite3_bind_double(handle, index, $0) } ?? sqlite3_bind_null(handle, index))
  }
  public func bind(_ index: Int32, _ value: String?) {
    guard var value else {
      note(sqlite3_bind_null(handle, index))
      return
    }
    value.withUTF8 { bind(index, text: UnsafeRawBufferPointer($0)) }
  }
  private func bind(_ index: Int32, text: UnsafeRawBufferPointer) {
    // An empty buffer may have no address, which SQLite would take for NULL.
    guard let address = text.baseAddress, text.count > 0 else {
      note(csqlite_bind_text(handle, index, "", 0))
      return
    }
    guard let room = texts.baseAddress, text.count <= texts.count - textsEnd else {
      note(csqlite_bind_text(handle, index, address.assumingMemoryBound(to: CChar.self), UInt64(text.count)))
      holdsMuch = true
      return
    }
    let copy = room + textsEnd
    copy.copyMemory(from: address, byteCount: text.count)
    textsEnd += text.count
    note(csqlite_bind_kept_text(handle, index, copy.assumingMemoryBound(to: CChar.self), UInt64(text.count)))
  }
  public func bind(_ index: Int32, bytes: [UInt8]?) {
    guard let bytes else {
      note(sqlite3_bind_null(handle, index))
      return
    }
    holdsMuch = true
    if bytes.isEmpty {
      note(sqlite3_bind_zeroblob(handle, index, 0))
    } else {
      note(bytes.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, UInt64($0.count)) })
    }
  }

  public func noteBound(_ count: Int32) {
    if count < parameters { for index in (count + 1)...parameters { sqlite3_bind_null(handle, index) } }
    isBound = true
  }

  // MARK: Running

  public func step() throws -> Bool {
    if !isBound { noteBound(0) }
    isRunning = true
    switch bindCode == SQLITE_OK ? sqlite3_step(handle) : bindCode {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code:
      let error = SQLiteError(database.handle, code: code, context: SQLiteDatabase.beginning(of: sql))
      reset()
      throw error
    }
  }

  public func run() throws {
    while try step() {}
    reset()
  }

  public func change() throws -> Int {
    try run()
    return Int(sqlite3_changes64(database.handle))
  }

  public func insertUnlessKnown() throws -> Int64? {
    try change() > 0 ? sqlite3_last_insert_rowid(database.handle) : nil
  }

  // MARK: Columns

  public func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
  public func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  public func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }
  public func optionalDouble(_ column: Int32) -> Double? {
    isNull(column) ? nil : sqlite3_column_double(handle, column)
  }
  public func text(_ column: Int32) -> String { optionalText(column) ?? "" }
  public func optionalText(_ column: Int32) -> String? {
    guard let characters = sqlite3_column_text(handle, column) else { return nil }
    let count = Int(sqlite3_column_bytes(handle, column))
    return String(decoding: UnsafeBufferPointer(start: characters, count: count), as: UTF8.self)
  }
  public func optionalBytes(_ column: Int32) -> [UInt8]? {
    guard !isNull(column) else { return nil }
    let count = Int(sqlite3_column_bytes(handle, column))
    guard count > 0, let start = sqlite3_column_blob(handle, column) else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }
}
