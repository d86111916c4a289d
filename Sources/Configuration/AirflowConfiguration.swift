/// One Airflow metadata database: an entry of `airflow:`.
public struct AirflowConfiguration: Sendable, Equatable {
  /// Unique among the instances; part of every record's key.
  public var name: String
  /// How to reach the database. Its ``DataSourceName/conninfo`` never holds the password.
  public var dsn: DataSourceName
  /// The database role's password; nil when the server asks for none, or libpq finds it (passfile, service).
  public var password: Secret?
  /// Airflow's `[openlineage] namespace`; nil only when no sink is of type openlineage.
  public var namespace: String?
  /// How the run ids of Airflow's OpenLineage provider are made, so that ours equal them.
  public var openLineageProvider: OpenLineageProvider
  /// The address of Airflow's web pages, for links.
  public var uiURL: EndpointURL?
  public var role: DatabaseRole
  /// Time between the ends and starts of two polls.
  public var pollInterval: Duration
  /// How much history is loaded at first contact.
  public var backfill: Backfill
  /// Time between the starts of two sweeps.
  public var sweepInterval: Duration
  /// How far back a sweep looks.
  public var lookBack: Duration
  public var dags: DagFilter
}

/// Which version of apache-airflow-providers-openlineage an Airflow has, as far as its run ids differ.
public enum OpenLineageProvider: String, Sendable, CaseIterable {
  case current = ">=2.0"
  case from1_9 = "1.9-1.14"
  case upTo1_8 = "<=1.8"
}

/// What kind of server the connection string leads to.
public enum DatabaseRole: String, Sendable, CaseIterable {
  case primary
  /// A streaming replica: queries may be cancelled by recovery, and a missing row may only be late.
  case replica
}

/// How much history is loaded at first contact.
public enum Backfill: Sendable, Hashable {
  case all
  case none
  /// The runs of the last so-and-so long.
  case last(Duration)
}

/// Which DAGs are read, by the globs (`*`, `?`) on dag_id: those that an include matches and no exclude does.
public struct DagFilter: Sendable, Hashable {
  public var include: [String]
  public var exclude: [String]
}
