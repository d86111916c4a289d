import ExecutionModel
import Glibc
import Storage

extension Ledger {
  /// Notes that a syncer starts to work on this ledger.
  public func noteStart(mode: String, version: String) throws {
    let now = now
    // A command that needs no lease leaves the word to the daemons.
    let unlessADaemonWorks =
      place.isFile
      ? ""
      : " WHERE excluded.mode = 'run' OR NOT EXISTS (SELECT 1 FROM daemon WHERE mode = 'run' AND \(LedgerServer.isSeen))"
    try write { database in
      try database.prepare(
        """
        INSERT INTO syncer (id, mode, version, started_at, stopped_at, reload_error, reload_failed_at)
        VALUES (1, ?, ?, ?, NULL, NULL, NULL)
        ON CONFLICT (id) DO UPDATE SET
          \(replacing("mode, version, started_at, stopped_at, reload_error, reload_failed_at"))\(unlessADaemonWorks)
        """
      ).binding {
        $0(mode)
        $0(version)
        $0(now)
      }.run()
    }
  }

  /// Notes that the configuration was loaded anew.
  /// - Parameter error: why it was not taken up; nil when it was.
  public func noteReload(error: String?) throws {
    let now = now
    try write { database in
      try database.prepare("UPDATE syncer SET reload_error = ?, reload_failed_at = ?").binding {
        $0(error)
        $0(error == nil ? nil : now)
      }.run()
    }
  }

  /// Notes that it stopped in good order, unless others go on working.
  public func noteStop() throws {
    let now = now
    let ifLast = place.isFile ? "" : " WHERE NOT EXISTS (SELECT 1 FROM daemon WHERE \(LedgerServer.isSeen))"
    try write { database in
      try database.prepare("UPDATE syncer SET stopped_at = ?\(ifLast)").binding { $0(now) }.run()
    }
  }

  /// Notes how a dbt Cloud account stands.
  public func note(
    account: AccountDirectory.Account, lastCallAt: Instant?, callsPerMinute: Int?, coolingDownUntil: Instant?,
    error: String?
  ) throws {
    let now = now
    try write { database in
      try database.prepare(
        """
        INSERT INTO dbt_account (name, account_id, last_call_at, calls_per_minute, cooling_down_until, error, error_since)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, CASE WHEN ?6 IS NULL THEN NULL ELSE ?7 END)
        ON CONFLICT (name) DO UPDATE SET account_id = ?2, last_call_at = coalesce(?3, dbt_account.last_call_at),
          calls_per_minute = ?4, cooling_down_until = ?5, error = ?6,
          error_since = CASE WHEN ?6 IS NULL THEN NULL ELSE coalesce(dbt_account.error_since, ?7) END
        """
      ).binding {
        $0(account.name)
        $0(account.accountID)
        $0(lastCallAt)
        $0(callsPerMinute)
        $0(coolingDownUntil)
        $0(error)
        $0(now)
      }.run()
    }
  }

  /// Everything that `status` shows, from one view of the ledger.
  public func status() throws -> LedgerStatus {
    let now = now
    return try read { database in
      LedgerStatus(
        syncer: try syncer(database, isRunning: isInUse(database)), members: try members(database),
        airflow: try airflow(database),
        accounts: try dbtAccounts(database), folders: try folders(database),
        sinks: try sinkStatus(database), links: try links(database, since: now - 86_400_000_000), path: path,
        isFile: place.isFile,
        bytes: try bytes(of: database), fullness: try fullness(of: Self.whole, in: database),
        retention: try retention(database), schemaVersion: try schemaVersion(of: database))
    }
  }

  private func fullness(of id: Int64, in database: any Database) throws -> LedgerStatus.Fullness? {
    try database.prepare("SELECT level, since, bytes, bytes_at_most, age_at_most FROM room WHERE sink = ?")
      .binding { $0(id) }.firstRow { row in
        var columns = Columns(row)
        return LedgerStatus.Fullness(
          level: RoomLevel(rawValue: columns.int()) ?? .free, since: columns.optionalInstant(),
          bytes: columns.integer(),
          bytesAtMost: columns.optionalInteger(), secondsAtMost: columns.optionalInteger())
      }
  }

  private func retention(_ database: any Database) throws -> LedgerStatus.Retention? {
    try database.prepare("SELECT kept, last_at, runs, error FROM retention").firstRow { row in
      var columns = Columns(row)
      return LedgerStatus.Retention(
        kept: columns.optionalInteger(), lastAt: columns.optionalInstant(), runs: columns.integer(),
        error: columns.optionalText())
    }
  }

  private func isInUse(_ database: any Database) throws -> Bool {
    switch place {
    case .file(let path): FileLock.isHeld(FileLock.path(of: path))
    case .postgres: try LedgerServer.isInUse(database)
    }
  }

  /// Of the file and of the write-ahead log, which holds what the file does not have yet.
  private func bytes(of database: any Database) throws -> Int64 {
    guard case .file(let path) = place else { return try LedgerServer.bytes(database) }
    return ["", "-wal"].reduce(0) { sum, suffix in
      var file = stat()
      return stat(path + suffix, &file) == 0 ? sum + Int64(file.st_size) : sum
    }
  }

  private func syncer(_ database: any Database, isRunning: Bool) throws -> LedgerStatus.Syncer? {
    try database.prepare(
      "SELECT mode, version, started_at, stopped_at, reload_error, reload_failed_at FROM syncer"
    ).firstRow { row in
      var columns = Columns(row)
      return LedgerStatus.Syncer(
        mode: columns.text(), version: columns.text(), startedAt: Instant(microseconds: columns.integer()),
        stoppedAt: columns.optionalInstant(), isRunning: isRunning, reloadError: columns.optionalText(),
        reloadFailedAt: columns.optionalInstant())
    }
  }

  private func airflow(_ database: any Database) throws -> [LedgerStatus.Airflow] {
    try database.prepare(
      """
      SELECT name, airflow_version, alembic_version, connected, dag_run_cursor,
        (SELECT count(*) FROM dag_run r WHERE r.instance = i.id AND is_open = 1 AND removed IS NULL),
        (SELECT count(*) FROM dag_run r WHERE r.instance = i.id),
        source_role, replay_lag, last_poll_at, poll_milliseconds, backfill_done, backfill_runs, backfill_total,
        backfill_rate, sweep_started_at, sweep_finished_at, sweep_runs, sweep_changed, sweep_removed, sweep_milliseconds,
        sweep_error, error, error_since
      FROM airflow_instance i ORDER BY name
      """
    ).rows { row in
      var columns = Columns(row)
      return LedgerStatus.Airflow(
        name: columns.text(), airflowVersion: columns.optionalText(), alembicVersion: columns.optionalText(),
        isConnected: columns.bool(), cursor: columns.integer(), openRuns: columns.int(), runs: columns.int(),
        role: columns.optionalText(), replayLag: columns.optionalInteger(), lastPollAt: columns.optionalInstant(),
        pollMilliseconds: columns.optionalDouble(), isBackfillDone: columns.bool(), backfillRuns: columns.int(),
        backfillTotal: columns.optionalInt(), backfillRate: columns.optionalDouble(), sweep: sweep(&columns),
        sweepError: columns.optionalText(), error: columns.optionalText(), errorSince: columns.optionalInstant())
    }
  }

  private func sweep(_ columns: inout Columns) -> SweepSummary? {
    let startedAt = columns.optionalInstant()
    let finishedAt = columns.optionalInstant()
    let counts = (runs: columns.int(), changed: columns.int(), removed: columns.int())
    let milliseconds = columns.optionalDouble()
    guard let startedAt, let finishedAt else { return nil }
    return SweepSummary(
      startedAt: startedAt, finishedAt: finishedAt, runs: counts.runs, changed: counts.changed, removed: counts.removed,
      milliseconds: milliseconds ?? 0)
  }

  private func dbtAccounts(_ database: any Database) throws -> [LedgerStatus.DbtAccount] {
    try database.prepare(
      """
      SELECT name, account_id,
        (SELECT count(*) FROM dbt_run d WHERE d.account = a.name AND (fetch_state = 'wanted' OR (fetch_state = 'known'
          AND is_complete = 0 AND EXISTS (SELECT 1 FROM link WHERE link.dbt_run = d.id)))),
        last_call_at, calls_per_minute, cooling_down_until, error, error_since
      FROM dbt_account a ORDER BY name
      """
    ).rows { row in
      var columns = Columns(row)
      return LedgerStatus.DbtAccount(
        name: columns.text(), accountID: columns.integer(), waiting: columns.int(),
        lastCallAt: columns.optionalInstant(),
        callsPerMinute: columns.optionalInt(), coolingDownUntil: columns.optionalInstant(),
        error: columns.optionalText(),
        errorSince: columns.optionalInstant())
    }
  }

  private func sinkStatus(_ database: any Database) throws -> [LedgerStatus.Sink] {
    try database.prepare(
      """
      SELECT name, type, delivered, \(Self.pendingOfSink), nullif(min(
          coalesce((SELECT made_at FROM outbox o WHERE o.sink = s.id AND parked_at IS NULL ORDER BY id LIMIT 1), \(Int64.max)),
          coalesce((SELECT min(made_at) FROM outbox_history h WHERE h.sink = s.id), \(Int64.max))), \(Int64.max)),
        (SELECT count(*) FROM outbox o WHERE o.sink = s.id AND parked_at IS NOT NULL),
        (SELECT min(parked_at) FROM outbox o WHERE o.sink = s.id AND parked_at IS NOT NULL),
        (SELECT reason FROM outbox o WHERE o.sink = s.id AND parked_at IS NOT NULL ORDER BY id DESC LIMIT 1),
        last_delivery_at, error, error_since, id
      FROM sink s ORDER BY name
      """
    ).rows { row in
      var columns = Columns(row)
      return LedgerStatus.Sink(
        name: columns.text(), type: columns.text(), delivered: columns.integer(), pending: columns.int(),
        oldestPendingAt: columns.optionalInstant(), parked: columns.int(), firstParkedAt: columns.optionalInstant(),
        newestReason: columns.optionalText(), lastDeliveryAt: columns.optionalInstant(), error: columns.optionalText(),
        errorSince: columns.optionalInstant(), fullness: try fullness(of: columns.integer(), in: database))
    }
  }

  private func links(_ database: any Database, since: Int64) throws -> LedgerStatus.Links {
    var links = LedgerStatus.Links()
    try database.prepare(
      """
      SELECT l.confidence, l.dbt_run IS NULL AND l.confidence <> 'ambiguous' OR d.fetch_state = 'unresolved',
        count(*)
      FROM link l LEFT JOIN dbt_run d ON d.id = l.dbt_run WHERE l.made_at >= ? AND l.is_candidate = 0 GROUP BY 1, 2
      """
    ).binding { $0(since) }.forEachRow { row in
      let count = Int(row.integer(2))
      if row.bool(1) {
        links.unresolved += count
        return
      }
      switch Confidence(rawValue: row.text(0)) {
      case .exact: links.exact += count
      case .strong: links.strong += count
      case .inferred: links.inferred += count
      case .ambiguous, nil: links.ambiguous += count
      }
    }
    links.withoutLink = Int(
      try database.prepare(
        """
        SELECT count(*) FROM dag_run r CROSS JOIN attempt a ON a.dag_run = r.id
        LEFT JOIN link p ON p.dag_run = a.dag_run AND p.task_id = a.task_id AND p.map_index = a.map_index
          AND p.try_number = a.try_number AND p.run_id = 0
        WHERE r.start_date >= ? AND (a.operator = 'DbtCloudRunJobOperator' OR p.id IS NOT NULL) AND a.start_date IS NOT NULL
          AND a.try_number > 0
          AND NOT EXISTS (SELECT 1 FROM link l WHERE l.dag_run = a.dag_run AND l.task_id = a.task_id
            AND l.map_index = a.map_index AND l.try_number = a.try_number AND l.is_candidate = 0)
        """
      ).binding { $0(since) }.firstRow { $0.integer(0) } ?? 0)
    return links
  }
}
