import CSQLite

/// What SQLite answered, with the statement or file it answered about.
public struct SQLiteError: Error, Sendable, CustomStringConvertible {
  /// SQLite's primary result code, e.g. `SQLITE_FULL`.
  public let code: Int32
  /// SQLite's extended result code.
  public let extendedCode: Int32
  /// SQLite's own words.
  public let message: String
  /// The file, or the beginning of the statement.
  public let context: String

  init(code: Int32, message: String, context: String) {
    self.code = code & 0xFF
    extendedCode = code
    self.message = message
    self.context = context
  }

  init(_ database: OpaquePointer?, code: Int32, context: String) {
    self.init(
      code: code,
      message: database.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code)),
      context: context)
  }

  /// Another process holds the lock; the same call may succeed later.
  public var isBusy: Bool { code == SQLITE_BUSY || code == SQLITE_LOCKED }
  /// The file system has no room left, or refused to write; nothing of the transaction was kept.
  public var isFull: Bool { code == SQLITE_FULL || Self.writeFailures.contains(extendedCode) }
  /// The file, its folder or the file system may not be written.
  public var isReadOnly: Bool { code == SQLITE_READONLY || code == SQLITE_PERM }
  /// The file is damaged or no SQLite database.
  public var isCorrupt: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }
  /// The file or its folder is missing or may not be opened.
  public var cannotOpen: Bool { code == SQLITE_CANTOPEN }

  // Not importable: SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE.
  private static let writeFailures: Set<Int32> = [SQLITE_IOERR | 3 << 8, SQLITE_IOERR | 19 << 8]

  public var description: String { "SQLite: \(message) (code \(extendedCode)) in \(context)" }
}
