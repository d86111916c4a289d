@testable import AirflowSource
import ExecutionModel
import JSONText
import Postgres
import TestServers

/// Databases of real Airflows on the tests' own server.
enum AirflowDatabase {
  /// Versions of which there is a schema.
  static let schemas = AirflowSchemas.versions
  /// Versions of which there is a database with rows.
  static let dumps = ["2.6.3", "2.11.2", "3.3.2"]

  private static let templates = Templates()

  /// A new database with that version's schema and migration head, and no other row.
  static func empty(_ version: String, encoding: String? = nil) async throws -> String {
    if encoding != nil { return try await Templates.load(schema: version, encoding: encoding) }
    return try await copy(try await templates.schema(version))
  }

  /// A new copy of that version's dump.
  static func filled(_ version: String) async throws -> String { try await copy(try await templates.dump(version)) }

  private static func copy(_ template: String) async throws -> String {
    let name = PostgresServer.uniqueName("airflow")
    try await PostgresServer.shared.createDatabase(name, template: template)
    return name
  }

  static func connection(_ database: String, user: String = "postgres") async throws -> PostgresConnection {
    connection(conninfo: try await PostgresServer.shared.conninfo(database: database, user: user))
  }

  static func connection(conninfo: String) -> PostgresConnection {
    PostgresConnection(
      PostgresConfiguration(
        conninfo: conninfo, password: nil, applicationName: "airflow-syncer/test", connectTimeout: 60),
      name: "test")
  }

  static func reader(
    _ database: String, user: String = "postgres", filter: DagFilter = .all
  ) async throws -> AirflowReader {
    AirflowReader(instance: "test", connection: try await connection(database, user: user), filter: filter)
  }

  /// Takes as long as it needs for a call: what it reads does not depend on the machine.
  static func patientReader(_ connection: PostgresConnection) -> AirflowReader {
    var limits = ReadLimits()
    limits.readMilliseconds = 3_600_000
    limits.sweepMilliseconds = 3_600_000
    return AirflowReader(
      instance: "test", connection: connection, filter: .all,
      limits: TransactionLimits(statementTimeout: 0, lockTimeout: 0, idleTimeout: 0, deadline: 3_600),
      readLimits: limits)
  }

  @discardableResult
  static func execute(_ sql: String, in database: String) async throws -> String {
    try await PostgresServer.shared.execute(sql, database: database)
  }

  /// What psql prints, line by line, sorted.
  static func lines(_ sql: String, in database: String) async throws -> [String] {
    let output = try await execute(sql, in: database)
    return output.isEmpty ? [] : output.split(separator: "\n").map(String.init).sorted()
  }

  /// The migrations' head of a schema file, from its first line.
  static func head(_ version: String) throws -> String { try AirflowSchemas.head(of: version) }

  static func gunzipped(_ fixture: String) async throws -> String {
    try await Subprocess.run(["gzip", "-dc", Fixtures.path(fixture)]).text
  }

  private actor Templates {
    private var databases: [String: Task<String, any Error>] = [:]

    func schema(_ version: String) async throws -> String {
      try await named("schema \(version)") { try await Self.load(schema: version, encoding: nil) }
    }

    func dump(_ version: String) async throws -> String {
      try await named("dump \(version)") {
        let name = PostgresServer.uniqueName("dump")
        try await PostgresServer.shared.createDatabase(name)
        try await PostgresServer.shared.loadSQL(Fixtures.path("airflow/dumps/\(version).sql.gz"), into: name)
        return name
      }
    }

    private func named(_ name: String, _ make: @escaping @Sendable () async throws -> String) async throws -> String {
      let task = databases[name] ?? Task { try await make() }
      databases[name] = task
      return try await task.value
    }

    static func load(schema version: String, encoding: String?) async throws -> String {
      let name = PostgresServer.uniqueName("schema")
      try await PostgresServer.shared.createDatabase(name, encoding: encoding)
      try await PostgresServer.shared.loadSQL(Fixtures.path(try AirflowSchemas.path(of: version)), into: name)
      try await execute("insert into alembic_version values ('\(try head(version))')", in: name)
      return name
    }
  }
}

extension AirflowReader {
  /// All of history, page by page.
  func wholeHistory(_ schema: AirflowSchema, limit: Int = 7) async throws -> [DagRunSnapshot] {
    var snapshots: [DagRunSnapshot] = []
    var request = HistoryRequest(limit: limit)
    while true {
      let batch = try await history(request, schema: schema)
      snapshots += batch.snapshots
      if batch.isFinished { return snapshots }
      request.below = batch.lowestID
    }
  }
}
