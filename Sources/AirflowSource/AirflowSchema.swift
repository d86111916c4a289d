/// What the probe found: which of Airflow's tables and columns exist, and who is asking.
public struct AirflowSchema: Hashable, Sendable {
  /// Which of the two generations of tables this is.
  public enum Family: String, Hashable, Sendable {
    /// `dag_run.execution_date`, pickled conf, XComs as bytes (2.4 to 2.11).
    case airflow2
    /// `dag_run.logical_date`, conf and XComs as jsonb (3.0 and later).
    case airflow3
  }

  /// The generation of tables.
  public var family: Family
  /// `alembic_version.version_num`; nil when there is none or it may not be read.
  public var alembicHead: String?
  /// Airflow's version by that head, for people: `2.10-2.11`, `3.3`; nil for a head that is not known.
  public var version: String?
  /// The columns that can be read, by table. A table that does not exist is absent.
  public var columns: [String: Set<String>]
  /// The tables that a read locks before it looks at anything, in the order of the locks.
  var lockable: [String]
  /// The schema in which `dag_run` was found.
  public var schemaName: String
  /// The database's name.
  public var database: String
  /// The role that asks.
  public var role: String
  /// Whether that role is a superuser.
  public var isSuperuser: Bool
  /// Whether this server is a replica (`pg_is_in_recovery()`).
  public var isReplica: Bool
  /// Seconds since the replica last replayed a transaction; nil on a primary. An upper bound: it grows while the
  /// primary writes nothing.
  public var replayLagSeconds: Double?
  /// `server_version_num`, e.g. 150014.
  public var serverVersion: Int
  /// `server_encoding`, e.g. UTF8 or SQL_ASCII.
  public var serverEncoding: String
  /// What is odd but does not keep anything from being read, with what to do about it.
  public var warnings: [String]

  /// Whether that table exists.
  public func has(_ table: String) -> Bool { columns[table] != nil }

  /// Whether that column exists.
  public func has(_ table: String, _ column: String) -> Bool { columns[table]?.contains(column) ?? false }

  /// The statements that give a role exactly the rights that this program needs in this database, for somebody with
  /// the right to grant them. Names are quoted.
  public func grants(role: String) -> [String] {
    Grants(database: database, schema: schemaName, role: role)
      .statements(tables: AirflowTable.names.filter { columns[$0] != nil })
  }

  /// The statements for a database that was not probed: all tables of the newest version in schema `public`. Airflow
  /// before 2.5 has no notes and before 2.10 no `task_instance_history`: leave those out there.
  public static func grants(role: String, database: String) -> [String] {
    Grants(database: database, schema: "public", role: role).statements(tables: AirflowTable.names)
  }
}

extension AirflowSchema {
  /// How `try_number` of a live row counts.
  ///
  /// Up to 2.9 it grows when a try starts and falls back while the try is deferred or rescheduled; from 2.10, which
  /// brought `task_instance_history`, it grows when a try is scheduled.
  var tryNumbering: TryNumbering { has("task_instance_history") ? .whenScheduled : .whenStarted }
}
