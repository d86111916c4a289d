import ExecutionModel
import Storage

/// How far an Airflow instance has been read, as the ledger remembers it.
public struct InstanceProgress: Hashable, Sendable {
  /// The instance's row in the ledger.
  public var id: Int64
  /// The highest `dag_run.id` ever read.
  public var cursor: Int64
  /// The highest `dag_run.id` at first contact, up to which runs are history; nil before.
  public var floor: Int64?
  /// The next page of history has ids below this; nil before the first page.
  public var backfillBelow: Int64?
  public var isBackfillDone: Bool
  /// Of runs up to the floor, those that ended before are not wanted; nil when all are.
  public var backfillSince: Instant?
  /// `dag_run.id`s of runs that Airflow will go on with by itself.
  public var openRuns: [Int64]
}

/// What one poll found out about an instance, for `status`.
public struct InstanceHealth: Hashable, Sendable {
  /// `primary` or `replica`.
  public var role: String?
  /// How far a replica is behind, in microseconds.
  public var replayLag: Int64?
  /// Server time of the poll's queries in milliseconds.
  public var pollMilliseconds: Double?
  /// The database's clock.
  public var readAt: Instant?

  public init(
    role: String? = nil, replayLag: Int64? = nil, pollMilliseconds: Double? = nil, readAt: Instant? = nil
  ) {
    self.role = role
    self.replayLag = replayLag
    self.pollMilliseconds = pollMilliseconds
    self.readAt = readAt
  }
}

extension Ledger {
  /// What is known of an instance; its row is made at first use.
  public func progress(of instance: InstanceName) throws -> InstanceProgress {
    try write { database in
      try database.prepare("INSERT INTO airflow_instance (name) VALUES (?) ON CONFLICT DO NOTHING")
        .binding { $0(instance) }.run()
      let row = try database.prepare(
        "SELECT id, dag_run_cursor, cursor_floor, backfill_below, backfill_done, backfill_since FROM airflow_instance WHERE name = ?"
      ).binding { $0(instance) }.firstRow {
        InstanceProgress(
          id: $0.integer(0), cursor: $0.integer(1), floor: $0.optionalInteger(2), backfillBelow: $0.optionalInteger(3),
          isBackfillDone: $0.bool(4), backfillSince: $0.optionalInteger(5).map(Instant.init), openRuns: [])
      }
      guard var progress = row else { throw LedgerError(.other, path: path, detail: "no row for instance \(instance)") }
      progress.openRuns = try database.prepare(
        "SELECT source_id FROM dag_run WHERE instance = ? AND is_open = 1 AND removed IS NULL ORDER BY source_id"
      ).binding { $0(progress.id) }.rows { $0.integer(0) }
      return progress
    }
  }

  /// The `dag_run.id`s above `id` that were read from an instance.
  public func runIDs(of instance: Int64, above id: Int64) throws -> Set<Int64> {
    try read { database in
      Set(
        try database.prepare("SELECT source_id FROM dag_run WHERE instance = ? AND source_id > ?").binding {
          $0(instance)
          $0(id)
        }.rows { $0.integer(0) }
      ).union(try purgedRuns(of: instance, above: id, in: database))
    }
  }

  /// Notes first contact: live reading begins above `floor`, history lies below.
  /// - Parameter since: history that ended before is not wanted; nil when all is.
  public func noteFirstContact(with instance: InstanceName, floor: Int64, since: Instant? = nil) throws {
    try write { database in
      try database.prepare(
        """
        UPDATE airflow_instance SET cursor_floor = ?1, dag_run_cursor = ?1, backfill_since = ?2
        WHERE name = ?3 AND cursor_floor IS NULL
        """
      ).binding {
        $0(floor)
        $0(since)
        $0(instance)
      }.run()
    }
  }

  /// Notes what the schema of an instance tells, before anything is kept that was read with it: records and events
  /// name the version.
  /// - Parameters:
  ///   - version: Airflow's version or range of versions (`2.10-2.11`); nil when the schema does not tell.
  ///   - alembicHead: the schema's own version, from `alembic_version`; nil when that cannot be read.
  public func noteSchema(of instance: InstanceName, version: String?, alembicHead: String?) throws {
    try write { database in
      try database.prepare("INSERT INTO airflow_instance (name) VALUES (?) ON CONFLICT DO NOTHING")
        .binding { $0(instance) }.run()
      try database.prepare("UPDATE airflow_instance SET airflow_version = ?, alembic_version = ? WHERE name = ?")
        .binding {
          $0(version)
          $0(alembicHead)
          $0(instance)
        }.run()
    }
  }

  /// Notes a poll that worked, whether or not it found anything.
  public func noteHealth(_ health: InstanceHealth, of instance: InstanceName) throws {
    let now = now
    if let readAt = health.readAt { note(sourceTime: readAt) }
    try write { database in
      try database.prepare(
        """
        UPDATE airflow_instance SET connected = 1, error = NULL, error_since = NULL, last_poll_at = ?,
          source_role = ?, replay_lag = ?, poll_milliseconds = ?
        WHERE name = ?
        """
      ).binding {
        $0(now)
        $0(health.role)
        $0(health.replayLag)
        $0(health.pollMilliseconds)
        $0(instance)
      }.run()
    }
  }

  /// Notes that an instance cannot be read, and since when.
  public func noteOutage(of instance: InstanceName, error: String) throws {
    let now = now
    try write { database in
      try database.prepare("INSERT INTO airflow_instance (name) VALUES (?) ON CONFLICT DO NOTHING")
        .binding { $0(instance) }.run()
      try database.prepare(
        "UPDATE airflow_instance SET connected = 0, error = ?, error_since = coalesce(error_since, ?) WHERE name = ?"
      ).binding {
        $0(error)
        $0(now)
        $0(instance)
      }.run()
    }
  }
}
