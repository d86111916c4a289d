/// Made-up but lawful history in the schema of any Airflow, by `Tests/Fixtures/airflow/generated/history.sql`.
public struct GeneratedHistory: Sendable {
  public var runs: Int
  public var tasks: Int
  public var dags: Int
  /// The newest of the runs, which have run for three fifths of their tasks.
  public var openRuns: Int
  /// When the newest run started: an SQL expression.
  public var newest: String

  public init(
    runs: Int, tasks: Int, dags: Int = 20, openRuns: Int = 0, newest: String = "timestamptz '2026-03-01 12:00Z'"
  ) {
    self.runs = runs
    self.tasks = tasks
    self.dags = dags
    self.openRuns = openRuns
    self.newest = newest
  }
}

extension PostgresServer {
  /// Creates a database with the tables of an Airflow, its migrations' head and, if wanted, some history.
  ///
  /// - Parameter version: one of ``AirflowSchemas/versions``.
  /// - Returns: its name, which no other test of this process uses.
  public func createAirflow(_ version: String, history: GeneratedHistory? = nil) async throws -> String {
    let name = Self.uniqueName("generated")
    try await createDatabase(name)
    try await loadSQL(Fixtures.path(try AirflowSchemas.path(of: version)), into: name)
    try await execute("INSERT INTO alembic_version VALUES ('\(try AirflowSchemas.head(of: version))')", database: name)
    guard let history else { return name }
    try await loadSQL(Fixtures.path("airflow/generated/history.sql"), into: name)
    try await execute(
      """
      SELECT generated.history(runs => \(history.runs), tasks => \(history.tasks), dags => \(history.dags),
        open_runs => \(history.openRuns), newest => \(history.newest));
      DROP SCHEMA generated CASCADE;
      """, database: name)
    // What a transaction that is just ending may still see stays unmarked, and the planner then reads small tables whole.
    try await eventually("a vacuum that nothing was in the way of") {
      try await execute("VACUUM ANALYZE", database: name)
      return try await execute(
        """
        SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
          AND relallvisible < relpages
        """, database: name) == "0"
    }
    return name
  }
}
