import TestServers

/// An empty database with the real schema of one Airflow version, and what that schema has.
public struct AirflowDatabase: Sendable {
  /// The versions of which there is a schema.
  public static let versions = AirflowSchemas.versions

  public let version: String
  /// The database's name on the tests' shared server.
  public let name: String
  /// How to connect over TCP.
  public let conninfo: String
  let socketConninfo: String
  /// Columns by table.
  private let columns: [String: [Column]]

  struct Column: Sendable {
    var name: String
    var type: String
    /// NOT NULL and without a default.
    var mustBeGiven: Bool
  }

  /// Makes one on the shared server.
  public init(_ version: String) async throws {
    let server = try await PostgresServer.shared
    name = PostgresServer.uniqueName("simulation")
    try await server.createDatabase(name)
    try await server.loadSQL(Fixtures.path(try AirflowSchemas.path(of: version)), into: name)
    let head = try AirflowSchemas.head(of: version)
    try await server.execute("insert into alembic_version values ('\(head)')", database: name)
    self.version = version
    conninfo = server.conninfo(database: name)
    socketConninfo = server.conninfo(database: name, overSocket: true)
    let text = try await server.execute(
      """
      select table_name, column_name, data_type, is_nullable = 'NO' and column_default is null
      from information_schema.columns where table_schema = 'public' order by 1, ordinal_position
      """, database: name)
    var columns: [String: [Column]] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: "|").map(String.init)
      columns[fields[0], default: []].append(
        Column(name: fields[1], type: fields[2], mustBeGiven: fields[3] == "t"))
    }
    self.columns = columns
  }

  /// Drops the database.
  public func drop() async throws { try await PostgresServer.shared.dropDatabase(name) }

  func columns(of table: String) -> [Column] { columns[table] ?? [] }
  func has(_ table: String) -> Bool { columns[table] != nil }
  func has(_ table: String, _ column: String) -> Bool { columns(of: table).contains { $0.name == column } }

  // MARK: How this version behaves

  /// 3.x: task instances have a uuid that changes with every try; XComs are jsonb.
  var isVersion3: Bool { has("task_instance", "id") }
  /// 2.10 and later: `task_instance_history`, and the try number grows from none to scheduled instead of from queued
  /// to running.
  var keepsHistory: Bool { has("task_instance_history") }
  /// 2.8 and later.
  var countsClears: Bool { has("dag_run", "clear_number") }
  /// 2.5 and later.
  var hasNotes: Bool { has("dag_run_note") }
  /// Marking a running run as failed skips what has not begun (seen in 2.11.2 and 3.3.2, not in 2.6.3).
  var skipsPendingWhenMarked: Bool { countsClears }
}
