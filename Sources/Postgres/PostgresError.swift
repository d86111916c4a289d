/// What went wrong with a Postgres connection or query: an open code with its context, never a secret.
public struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What happened, and so what to do about it.
  public enum Kind: String, Sendable, CaseIterable {
    /// The connection string cannot be understood: only a change of the configuration helps.
    case configuration
    /// No connection could be opened: nothing listens, no answer in time, a name that does not resolve, a server that
    /// is starting.
    case connect
    /// The server refused the role or its password. The password was asked for twice.
    case authentication
    /// An open connection broke. The next use opens a new one.
    case lost
    /// The client's own deadline passed; the query was cancelled or its connection dropped.
    case deadline
    /// The calling task was cancelled; the query was cancelled or its connection dropped.
    case cancelled
    /// The server answered with an error; see ``PostgresError/sqlState``.
    case server
    /// A value has not the form that the caller expects: NULL, another type, broken binary data.
    case decode
    /// The caller broke a rule of this API.
    case usage
  }

  public var kind: Kind
  /// The server's, libpq's or our own words.
  public var message: String
  /// SQLSTATE, five characters (appendix A of the Postgres manual); nil where no server spoke.
  public var sqlState: String?
  /// The server's DETAIL.
  public var detail: String?
  /// The server's HINT.
  public var hint: String?
  /// The first line of the statement when that is a comment, otherwise its first 80 characters.
  public var query: String?
  /// `host=… port=… dbname=… user=…` as far as configured.
  public var target: String?

  public init(
    _ kind: Kind, _ message: String, sqlState: String? = nil, detail: String? = nil, hint: String? = nil,
    query: String? = nil, target: String? = nil
  ) {
    self.kind = kind
    self.message = message
    self.sqlState = sqlState
    self.detail = detail
    self.hint = hint
    self.query = query
    self.target = target
  }

  /// Whether the same read may succeed later without anybody changing anything. False means that somebody must act
  /// (or that the caller itself asked to stop).
  public var isSafeToRetry: Bool {
    switch kind {
    case .configuration, .authentication, .cancelled, .decode, .usage: false
    case .lost, .deadline: true
    case .connect: sqlState.map { !Self.needsOperator.contains($0) } ?? true
    case .server: sqlState.map(Self.isTransient) ?? false
    }
  }

  /// Whether a replica has cancelled the read, because it could not go on replaying what the primary did without taking
  /// away what the read was looking at.
  public var isRecoveryConflict: Bool { sqlState == "40001" && (kind == .server || kind == .lost) }

  /// Whether somebody else had a lock for longer than `lock_timeout`.
  public var isLocked: Bool { kind == .server && sqlState == "55P03" }

  /// Whether a write transaction was begun on a standby, which only reads.
  public var isStandby: Bool { kind == .server && sqlState == "0A000" && query?.hasPrefix("BEGIN") == true }

  /// No such database; a startup parameter that the server does not take.
  private static let needsOperator: Set<String> = ["3D000", "0A000", "22023"]

  // Classes and codes of appendix A that name a state of the server, not a fault of the statement. A conflict with
  // recovery on a replica is 40001. XX000 is what a statement meets when a table changes under it.
  private static func isTransient(_ state: String) -> Bool {
    switch state.prefix(2) {
    case "08", "40", "53", "57", "58": state != "57P04"
    default: ["55P03", "55006", "25P03", "25P04", "72000", "XX000"].contains(state)
    }
  }

  public var description: String { facts + (advice.map { ". \($0)" } ?? "") }

  /// What happened, without what to do about it: for who knows that better.
  public var facts: String {
    var text = Self.opening[kind] ?? "Postgres"
    if let target { text += " (\(target))" }
    text += ": \(message)"
    if let sqlState { text += " [\(sqlState)]" }
    if let detail { text += "; \(detail)" }
    if let hint { text += "; \(hint)" }
    if let query { text += "; in: \(query)" }
    return text
  }

  private static let opening: [Kind: String] = [
    .configuration: "the Postgres connection string is not valid",
    .connect: "no connection to Postgres",
    .authentication: "Postgres refused the role or its password",
    .lost: "the connection to Postgres broke",
    .deadline: "Postgres did not answer in time",
    .cancelled: "the Postgres query was stopped",
    .server: "Postgres answered with an error",
    .decode: "unexpected value from Postgres",
    .usage: "wrong use of the Postgres client",
  ]

  /// What to do about it; nil where the message says it already or nothing need be done.
  private var advice: String? {
    switch (kind, sqlState) {
    case (.authentication, "28000"):
      "Check pg_hba.conf on the server: it must allow this role, database, address and kind of encryption"
    case (.authentication, _):
      "Check the role's name, and the password where the configuration takes it from (file, command, passfile)"
    case (.connect, "3D000"): "Check dbname"
    case (.connect, "53300"), (.server, "53300"): "Raise max_connections or go through PgBouncer"
    case (.connect, "57P03"): "It is tried again; the server is starting, stopping or recovering"
    case (.connect, nil):
      "It is tried again; check that Postgres runs at this host and port, that this machine may reach it, and sslmode"
    case (.lost, _): "The next use opens a new connection"
    case (.deadline, _): "It is tried again; if this repeats, look for a slow or stuck server, or raise the limit"
    case (.server, "57014"): "It is tried again; if this repeats, look for a slow server or raise the limit"
    case (.server, "55P03"): "It is tried again; something else holds a lock, such as a migration"
    case (.server, "42501"): "Grant the role SELECT on this table"
    case (.server, "42P01"), (.server, "42703"): "The schema is not the expected one; was the database upgraded?"
    case (.server, "25006"): "Only reading is allowed here"
    case (.configuration, _):
      "Use keyword=value pairs or a postgresql:// URI; quote or percent-encode special characters"
    default: nil
    }
  }

  /// A short name for a statement, for ``query``: its first line when that is a comment, otherwise its beginning.
  static func name(of sql: String) -> String {
    let start = sql.drop(while: \.isWhitespace)
    if start.hasPrefix("--") {
      return String(start.prefix(while: { !$0.isNewline }).dropFirst(2).drop(while: \.isWhitespace).prefix(80))
    }
    return start.prefix(400).split(whereSeparator: \.isWhitespace).joined(separator: " ").prefixed(80)
  }
}

extension String {
  fileprivate func prefixed(_ length: Int) -> String { count <= length ? self : prefix(length - 1) + "…" }
}
