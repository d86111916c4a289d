import CSQLite
import Glibc
import Storage

/// One connection to an SQLite file.
public final class SQLiteDatabase: Database {
  /// How a file is opened.
  public enum Mode: Sendable {
    /// Read and write; the file is created when it does not exist.
    case readWrite
    /// Read only; never creates or changes anything.
    case readOnly
    /// Read only, taking for granted that no process writes: for a file whose folder may not be written while the
    /// writer is stopped.
    case immutable
  }

  let handle: OpaquePointer
  /// The file.
  public let path: String
  public var name: String { path }
  public let isServer = false
  private var statements: [String: SQLiteStatement] = [:]
  private var numbered: [SQLiteStatement?] = []

  /// Must come before anything else is asked of SQLite; where something was, nothing is lost.
  private static let isConfigured = csqlite_count_no_memory() == SQLITE_OK

  /// Opens the file.
  /// - Throws: ``SQLiteError``; the file itself is first read by the first statement.
  public init(path: String, mode: Mode) throws {
    _ = Self.isConfigured
    var opened: OpaquePointer?
    let flags =
      switch mode {
      case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
      case .readOnly, .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      }
    let name = mode == .immutable ? "file:\(Self.percentEncoded(path))?immutable=1" : path
    let code = sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK, let opened else {
      let error = SQLiteError(opened, code: code, context: path)
      sqlite3_close_v2(opened)
      throw error
    }
    handle = opened
    self.path = path
    sqlite3_busy_timeout(handle, 5000)
  }

  deinit {
    statements.removeAll()
    numbered.removeAll()
    sqlite3_close_v2(handle)
  }

  /// Keeps the write-ahead log's files when the last connection closes, so that readers who may not write the folder
  /// can still open the database.
  public func keepWriteAheadLog() {
    var keep: Int32 = 1
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep)
  }

  /// Whether the file is not at its path any more: it was removed, or another one was put there.
  public var hasMoved: Bool {
    var moved: Int32 = 0
    let code = sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
    return code == SQLITE_OK && moved != 0
  }

  public func execute(_ sql: String) throws {
    var rest = sql
    // sqlite3_exec would do, but it cannot say which statement of a migration failed.
    while true {
      var statement: OpaquePointer?
      let (code, left): (Int32, String) = rest.withCString { text in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(handle, text, -1, 0, &statement, &tail)
        return (code, tail.map { String(cString: $0) } ?? "")
      }
      guard code == SQLITE_OK else { throw SQLiteError(handle, code: code, context: Self.beginning(of: rest)) }
      if let statement {
        defer { sqlite3_finalize(statement) }
        var step = sqlite3_step(statement)
        while step == SQLITE_ROW { step = sqlite3_step(statement) }
        guard step == SQLITE_DONE else { throw SQLiteError(handle, code: step, context: Self.beginning(of: rest)) }
      } else if left.isEmpty {
        return
      }
      rest = left
      if rest.allSatisfy(\.isWhitespace) { return }
    }
  }

  public func prepare(_ sql: String) throws -> any Statement {
    if let known = statements[sql] {
      known.reset()
      return known
    }
    let statement = try SQLiteStatement(database: self, sql: sql)
    statements[sql] = statement
    return statement
  }

  public func prepare(_ sql: SQL) throws -> any Statement {
    if sql.number < numbered.count, let known = numbered[sql.number] {
      known.reset()
      return known
    }
    let statement = try SQLiteStatement(database: self, sql: sql.text)
    while numbered.count <= sql.number { numbered.append(nil) }
    numbered[sql.number] = statement
    return statement
  }

  public func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    try execute("BEGIN IMMEDIATE")
    do {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      // SQLite has rolled back by itself after a full disk; asking again is harmless.
      if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  public func snapshot<Result>(_ body: () throws -> Result) throws -> Result {
    try execute("BEGIN")
    defer { if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") } }
    return try body()
  }

  /// Looks for damage until `seconds` are over: what is wrong, at most twenty lines of it, and whether all was looked at.
  public func integrity(seconds: Double) throws -> (faults: [String], isWhole: Bool) {
    var start = timespec()
    clock_gettime(CLOCK_MONOTONIC, &start)
    let deadline = Deadline(at: Double(start.tv_sec) + Double(start.tv_nsec) / 1e9 + seconds)
    let context = Unmanaged.passUnretained(deadline)
    sqlite3_progress_handler(
      handle, 10_000, { $0.map { Unmanaged<Deadline>.fromOpaque($0).takeUnretainedValue().isOver } == true ? 1 : 0 },
      context.toOpaque())
    defer {
      sqlite3_progress_handler(handle, 0, nil, nil)
      withExtendedLifetime(deadline) {}
    }
    do {
      let rows = try prepare("PRAGMA quick_check(20)").rows { $0.text(0) }
      return (rows == ["ok"] ? [] : rows, true)
    } catch let error as SQLiteError where error.code == SQLITE_INTERRUPT {
      return ([], false)
    } catch let error as SQLiteError where error.isCorrupt {
      return ([error.description], false)
    }
  }

  private final class Deadline {
    private let time: Double

    init(at time: Double) { self.time = time }

    var isOver: Bool {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 >= time
    }
  }

  static func beginning(of sql: String) -> String {
    let line = sql.split(whereSeparator: \.isWhitespace).prefix(12).joined(separator: " ")
    return line.count > 100 ? line.prefix(100) + "…" : line
  }

  private static func percentEncoded(_ path: String) -> String {
    var text = ""
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"), 0...0x20, 0x7F...:
        let hex = String(byte, radix: 16, uppercase: true)
        text += "%" + (hex.count == 1 ? "0" : "") + hex
      default: text.unicodeScalars.append(Unicode.Scalar(byte))
      }
    }
    return text
  }
}
