import SQLite

/// Why the ledger could not be opened, read or written.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
  /// What happened.
  public enum Kind: Sendable, Hashable {
    /// The file was written by a newer release.
    case newerSchema(found: Int, known: Int)
    /// The file is an SQLite database, but no ledger.
    case notALedger
    /// There is no such file, and it may not be created here.
    case missing
    /// Another syncer works on this ledger.
    case inUse
    /// The schema is older than this binary's, and this use may not migrate it.
    case olderSchema(found: Int, known: Int)
    case full
    case readOnly
    case corrupt
    /// Locked by another process for longer than we wait.
    case busy
    case other
  }

  public let kind: Kind
  /// The ledger's file.
  public let path: String
  /// The cause in SQLite's words, where there is one.
  public let detail: String?

  public init(_ kind: Kind, path: String, detail: String? = nil) {
    self.kind = kind
    self.path = path
    self.detail = detail
  }

  init(_ error: SQLiteError, path: String) {
    let kind: Kind =
      if error.isFull { .full } else if error.isReadOnly { .readOnly } else if error.isCorrupt {
        .corrupt
      } else if error.isBusy { .busy } else if error.cannotOpen { .missing } else { .other }
    self.init(kind, path: path, detail: error.description)
  }

  /// Whether the same call may succeed later without anybody's help.
  public var isTransient: Bool { kind == .full || kind == .busy }

  public var description: String {
    let what =
      switch kind {
      case .newerSchema(let found, let known):
        "was written by a newer release (schema \(found), this binary knows \(known)): install that release again, "
          + "or restore a copy of the ledger made before the upgrade"
      case .olderSchema(let found, let known):
        "has schema \(found), this binary needs \(known): start the daemon or run `airflow-syncer migrate` once"
      case .notALedger: "is an SQLite database of something else: set `ledger` to a path of its own"
      case .missing:
        "cannot be opened: does its folder exist, and may this user read it? The daemon creates the file at its first start"
      case .inUse: "is in use by another airflow-syncer: stop it first, or give this one another `ledger`"
      case .full: "cannot be written, the file system is full: free some room; what was read is read again"
      case .readOnly: "may not be written by this user, or its file system is read-only"
      case .corrupt:
        "is damaged: stop the daemon, keep the file for analysis, and restore a copy, or remove it to load the history anew"
      case .busy: "is locked by another process"
      case .other: "failed"
      }
    return "ledger \(path) \(what)" + (detail.map { " [\($0)]" } ?? "")
  }
}
