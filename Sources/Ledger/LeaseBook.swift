import ExecutionModel
import Glibc
import Platform
import Postgres
import Storage

/// The leases of one syncer on a ledger in Postgres: one per part, each with a token that grows whenever the lease changes
/// hands. On a connection and a thread of its own, so that no long transaction of the ledger keeps it from renewing.
///
/// Renewing touches the rows of the own leases alone. Taking a lease needs the lock of all write transactions: those of the
/// one who had it are over then, or have not begun.
public actor LeaseBook {
  private let executor = ThreadExecutor(name: "leases")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Of this syncer, as long as it runs.
  private nonisolated let holder: String
  private let database: PostgresDatabase
  private let place: LedgerPlace
  private var path: String { place.name }
  /// Of the ledger that was entered; see ``LedgerServer/table(of:)``.
  private var table: Int64?

  /// Nothing is opened yet.
  /// - Parameter place: of the ledger. nil is made for a file, whose lock nobody can share.
  public init?(_ place: LedgerPlace) throws {
    guard case .postgres(let configuration, let schema) = place else { return nil }
    self.place = place
    holder = String(UInt64.random(in: 1...UInt64.max), radix: 16)
    let patience = Int(LeaseRule.patience * 1000)
    database = try PostgresDatabase(
      configuration, schema: schema,
      limits: TransactionLimits(statementTimeout: 5000, lockTimeout: patience, idleTimeout: 5000, deadline: 5))
  }

  /// Seconds between two calls of ``keep(_:)``.
  public static let interval = LeaseRule.interval

  /// Enters this syncer among those that work on the ledger.
  /// - Throws: ``LedgerError``
  public func enter(mode: String, version: String) throws {
    table = try transaction {
      try database.prepare(
        """
        INSERT INTO daemon (id, host, pid, mode, version, started_at, seen_at)
        VALUES (?1, ?2, ?3, ?4, ?5, \(Self.now), \(Self.now)) ON CONFLICT (id) DO UPDATE SET seen_at = \(Self.now)
        """
      ).binding {
        $0(holder)
        $0(Self.host)
        $0(Int64(getpid()))
        $0(mode)
        $0(version)
      }.run()
      // Of those that were killed, once nobody wants to know any more.
      try database.execute("DELETE FROM daemon WHERE seen_at < \(Self.now) - 3600000000")
      return try LedgerServer.table(of: database)
    }
  }

  /// Renews the leases that are held and takes those of `wanted` that are free. Returns all that are held then, with their
  /// tokens.
  /// - Throws: ``LedgerError``; what is held then is not known. Of kind `moved` when the ledger is not the one that was
  ///   entered.
  public func keep(_ wanted: Set<PartName>) throws -> [PartName: Int64] {
    let (rows, now) = try transaction {
      if let table, try LedgerServer.table(of: database) != table {
        throw LedgerError(.moved, path: path, detail: "another ledger is in its place")
      }
      let version = Int(try database.integer("SELECT version FROM ledger") ?? 0)
      guard version <= LedgerServer.newestVersion else {
        throw LedgerError(.newerSchema(found: version, known: LedgerServer.newestVersion), path: path)
      }
      try database.prepare("UPDATE daemon SET seen_at = \(Self.now) WHERE id = ?").binding { $0(holder) }.run()
      try database.prepare("UPDATE lease SET expires_at = \(Self.now) + \(LeaseRule.life) WHERE holder = ?")
        .binding { $0(holder) }.run()
      return (try self.rows(), try database.integer("SELECT \(Self.now)") ?? 0)
    }
    let free = LeaseRule.free(wanted, rows: rows, now: now, for: holder)
    return try held(free.isEmpty ? rows : take(free))
  }

  /// Gives leases back, for others to take at once.
  /// - Throws: ``LedgerError``
  public func release(_ parts: [PartName]) throws {
    try transaction {
      for part in parts {
        try database.prepare(
          "UPDATE lease SET holder = NULL, expires_at = 0 WHERE holder = ? AND kind = ? AND name = ?"
        ).binding {
          $0(holder)
          $0(part.kind.rawValue)
          $0(part.name)
        }.run()
      }
    }
  }

  /// Gives everything back; this syncer works on the ledger no more.
  /// - Throws: ``LedgerError``
  public func leave() throws {
    try transaction {
      try database.prepare("UPDATE lease SET holder = NULL, expires_at = 0 WHERE holder = ?")
        .binding { $0(holder) }.run()
      try database.prepare("DELETE FROM daemon WHERE id = ?").binding { $0(holder) }.run()
    }
  }

  /// Who has one of these leases, in words for people; nil when nobody else has any.
  /// - Throws: ``LedgerError``
  public func holder(ofOneOf parts: Set<PartName>) throws -> String? {
    try transaction {
      try database.prepare(
        """
        SELECT l.kind, l.name, l.since, d.mode, d.host, d.pid FROM lease l LEFT JOIN daemon d ON d.id = l.holder
        WHERE l.holder <> ? AND l.expires_at > \(Self.now) ORDER BY 1, 2
        """
      ).binding { $0(holder) }.rows { row -> String? in
        var columns = Columns(row)
        guard let kind = PartName.Kind(rawValue: columns.text()) else { return nil }
        let part = PartName(kind, columns.text())
        guard parts.contains(part) else { return nil }
        let since = Instant(microseconds: columns.integer())
        let command = columns.optionalText().map { $0 == "run" ? "the daemon" : "`airflow-syncer \($0)`" }
        let host = columns.optionalText() ?? "an unknown host"
        return
          "\(command ?? "a syncer") on \(host) (pid \(columns.optionalInteger() ?? 0)) has \(part) since \(since.rfc3339)"
      }.compactMap(\.self).first
    }
  }

  // MARK: Taking

  private func take(_ parts: [PartName]) throws -> [LeaseRow] {
    do { return try takeOnce(parts) } catch let error as LedgerError where error.kind == .busy {
      // The one that had it may have been stopped in the middle of a transaction, which would hold everybody up.
      try? endSilentTransactions()
      return try takeOnce(parts)
    }
  }

  private func takeOnce(_ parts: [PartName]) throws -> [LeaseRow] {
    try transaction {
      try database.prepare(LedgerServer.lock).run()
      for part in parts {
        try database.prepare(Self.takeIfFree).binding {
          $0(part.kind.rawValue)
          $0(part.name)
          $0(holder)
        }.run()
      }
      return try rows()
    }
  }

  private static let takeIfFree = SQL(
    """
    INSERT INTO lease (kind, name, token, holder, since, expires_at) VALUES (?1, ?2, 1, ?3, \(now), \(now) + \(LeaseRule.life))
    ON CONFLICT (kind, name) DO UPDATE SET token = lease.token + 1, holder = ?3, since = \(now),
      expires_at = \(now) + \(LeaseRule.life)
    WHERE lease.holder IS NULL OR lease.expires_at <= \(now)
    """)

  /// Ends the connections that have the ledger's lock, or wait in its way, and have heard nothing of their client for a
  /// while. Postgres alone has the means; elsewhere the time-outs of the server must do.
  private func endSilentTransactions() throws {
    try transaction {
      try database.prepare(
        """
        SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
        WHERE a.pid <> pg_backend_pid() AND a.wait_event_type = 'Client' AND a.xact_start IS NOT NULL
          AND a.state_change < clock_timestamp() - interval '\(Int(LeaseRule.silence)) seconds'
          AND a.query_start < clock_timestamp() - interval '\(Int(LeaseRule.silence)) seconds'
          AND EXISTS (SELECT 1 FROM pg_locks k JOIN pg_class c ON c.oid = k.relation
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE k.pid = a.pid AND k.granted AND k.mode = 'RowExclusiveLock' AND c.relname = 'ledger'
              AND n.nspname = current_schema())
        """
      ).forEachRow { _ in }
    }
  }

  // MARK: Reading

  private func rows() throws -> [LeaseRow] {
    try database.prepare("SELECT kind, name, token, holder, expires_at FROM lease").rows { row -> LeaseRow? in
      var columns = Columns(row)
      guard let kind = PartName.Kind(rawValue: columns.text()) else { return nil }
      return LeaseRow(
        part: PartName(kind, columns.text()), token: columns.integer(), holder: columns.optionalText(),
        expiresAt: columns.integer())
    }.compactMap(\.self)
  }

  private func held(_ rows: [LeaseRow]) -> [PartName: Int64] {
    Dictionary(rows.filter { $0.holder == holder }.map { ($0.part, $0.token) }) { first, _ in first }
  }

  private func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try database.transaction(body) } catch let error as PostgresError {
      guard let table else { throw LedgerError(error, path: path) }
      throw LedgerServer.verdict(on: error, of: place, opened: table, in: database)
    }
  }

  /// Microseconds by the database's clock, whatever the host's says.
  static let now = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"

  private static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "-" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
