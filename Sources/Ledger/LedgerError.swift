import Postgres
import SQLite

/// Why the ledger could not be opened, read or written.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
  /// What happened.
  public enum Kind: Sendable, Hashable {
    /// The ledger was written by a newer release.
    case newerSchema(found: Int, known: Int)
    /// The file is an SQLite database, or the schema is there, but it is no ledger.
    case notALedger
    /// There is no such file, and it may not be created here.
    case missing
    /// The database has no ledger, and none may be made here.
    case unmade
    /// The server cannot be reached, or the connection broke.
    case unreachable
    /// The server is a standby, which only reads.
    case standby
    /// The server refuses the role or its password.
    case refused
    /// The role lacks a right.
    case denied
    /// Another syncer works on this ledger.
    case inUse
    /// Another syncer has taken over the part that wrote; nothing of the transaction is kept.
    case leaseLost
    /// The schema is older than this binary's, and this use may not migrate it.
    case olderSchema(found: Int, known: Int)
    case full
    /// As large as it may become.
    case limit(bytes: Int64, atMost: Int64)
    case readOnly
    case corrupt
    /// The file was removed or replaced while it was open; of a ledger in Postgres, its schema or its database.
    case moved
    /// Locked by another process for longer than we wait.
    case busy
    case other
  }

  public let kind: Kind
  /// The ledger's file, or how its database is reached.
  public let path: String
  /// The cause in the database's words, where there is one.
  public let detail: String?
  /// The right that the role lacks, as far as the server tells which.
  private var grant: String?

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

  init(_ error: PostgresError, path: String) {
    let kind: Kind =
      switch error.sqlState {
      case _ where error.isStandby: .standby
      // No schema to make tables in: the role may not use the one that is there.
      case "42501", "3F000": .denied
      case "53100": .full
      case "25006": .readOnly
      // Another transaction was in the way for longer than we wait.
      case "40001", "40P01", "55P03": .busy
      case "XX001", "XX002": .corrupt
      default:
        switch error.kind {
        case .authentication: .refused
        case .connect where !error.isSafeToRetry: .other
        case .connect, .lost, .deadline: .unreachable
        default: error.isSafeToRetry ? .unreachable : .other
        }
      }
    // What a role needs to read Airflow's database is not what it needs here.
    self.init(kind, path: path, detail: kind == .denied ? error.facts : error.description)
    grant = kind == .denied ? Self.grant(against: error) : nil
  }

  /// What the owner must run, as far as the server's words tell; they may be in any language.
  private static func grant(against error: PostgresError) -> String? {
    let (message, query) = (error.message, error.query ?? "")
    if error.kind == .connect { return "GRANT CONNECT ON DATABASE … TO \(role)" }
    if query.hasPrefix("CREATE SCHEMA") {
      return "GRANT CREATE ON DATABASE … TO \(role), for the schema airflow_syncer, which it makes and owns"
    }
    if error.sqlState == "3F000" || (message.contains("denied for schema") && query.hasPrefix("CREATE")) {
      return "GRANT USAGE, CREATE ON SCHEMA airflow_syncer TO \(role)"
    }
    if message.contains("denied for schema") { return "GRANT USAGE ON SCHEMA airflow_syncer TO \(role)" }
    guard message.contains("denied for table") || message.contains("denied for relation") else { return nil }
    let writing = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA airflow_syncer TO \(role)"
    return ["INSERT", "UPDATE", "DELETE"].contains { query.hasPrefix($0) }
      ? writing : "\(writing); SELECT alone will do for one that only reads"
  }

  private static let role = "the role of `ledger`"

  /// Whether the same call may succeed later without anybody's help. Where it is not known whether a transaction was kept,
  /// the same work again does no harm: it is compared with what is there, and what was told already is not told again.
  public var isTransient: Bool { isLimit || kind == .full || kind == .busy || kind == .unreachable || kind == .standby }

  /// Whether it is as large as it may become.
  public var isLimit: Bool { if case .limit = kind { true } else { false } }

  public var description: String {
    let what =
      switch kind {
      case .newerSchema(let found, let known):
        "was written by a newer release (schema \(found), this binary knows \(known)): install that release again, "
          + "or restore a copy of the ledger made before the upgrade"
      case .olderSchema(let found, let known):
        "has schema \(found), this binary needs \(known): start the daemon or run `airflow-syncer migrate` once"
      case .notALedger: "is a database of something else: set `ledger` to a path or a database of its own"
      case .unmade: "is not there yet: the daemon makes it at its first start, or run `airflow-syncer migrate`"
      case .unreachable: "cannot be reached; the daemon tries again"
      case .standby:
        "is a standby, which cannot be written: let `ledger` name the primary, or all servers with "
          + "target_session_attrs=read-write; the daemon tries again"
      case .refused: "refuses this role: check the user and password of `ledger`"
      case .denied where grant != nil: "lacks a right: run \(grant ?? "")"
      case .denied:
        "lacks a right: run GRANT CREATE ON DATABASE … TO the role of `ledger` for the syncer, which makes the schema "
          + "airflow_syncer and owns it; to read alone, GRANT USAGE ON SCHEMA airflow_syncer and "
          + "GRANT SELECT ON ALL TABLES IN SCHEMA airflow_syncer TO the role"
      case .missing:
        "cannot be opened: does its folder exist, and may this user read it? The daemon creates the file at its first start"
      case .leaseLost: "was not written: another airflow-syncer has taken over this part"
      case .inUse: "is in use by another airflow-syncer: stop it first, or give this one another `ledger`"
      case .full: "cannot be written, the disk is full: free some room; what was read is read again"
      case .limit(let bytes, let limit):
        "has \(Self.megabytes(bytes)) of the \(Self.megabytes(limit)) that `max_ledger_bytes` allows: nothing is read until there "
          + "is room again. What waits for sinks is delivered and then deleted; shorten `retention`, run "
          + "`airflow-syncer purge --before TIME`, or allow more"
      case .readOnly: "may not be written by this user, or its file system or server is read-only"
      case .corrupt:
        "is damaged: stop the daemon and move the file away with what lies beside it (-wal, -shm). Then put a copy in its "
          + "place, or what `sqlite3 DAMAGED .recover | sqlite3 LEDGER` saves, or nothing, to load the history anew"
      case .moved:
        "was removed or replaced while it was open: put it back, or see that its folder or database is there; the daemon ends, "
          + "and goes on with what it finds when it is started again"
      case .busy: "is locked by another process"
      case .other: "failed"
      }
    return "ledger \(path) \(what)" + (detail.map { " [\($0)]" } ?? "")
  }

  private static func megabytes(_ bytes: Int64) -> String {
    bytes < 10_000_000 ? "\(bytes / 1000) kB" : "\(bytes / 1_000_000) MB"
  }
}
