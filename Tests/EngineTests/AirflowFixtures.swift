import FoundationEssentials
import JSONText
import LoopbackHTTP
import TestServers
import Testing

/// Databases of real Airflows in one server of this process.
enum AirflowFixtures {
  static let versions = ["2.6.3", "2.11.2", "3.3.2"]

  private static let templates = Templates()

  /// A database of its own with the rows of a dump.
  static func dump(_ version: String) async throws -> String {
    try await templates.copy(of: "airflow/dumps/\(version).sql.gz", named: "dump_\(version)")
  }

  /// A database of its own with the tables of a version and no rows.
  static func schema(_ version: String) async throws -> String {
    try await templates.copy(of: try AirflowSchemas.path(of: version), named: "schema_\(version)")
  }

  /// The changes that led to a dump.
  static func transitions(_ version: String) async throws -> [UInt8] {
    let path = Fixtures.path("airflow/transitions/\(version).ndjson.gz")
    let output = try await Subprocess.run(["gzip", "-dc", path])
    try #require(output.status == 0)
    return output.standardOutput
  }

  /// Where recorded events go when somebody wants to look at them.
  static func record(_ bodies: [[UInt8]], as name: String) throws {
    guard let folder = ProcessInfo.processInfo.environment["RECORDED_OUTPUT"], !folder.isEmpty else { return }
    let lines: [UInt8] = bodies.reduce(into: []) { $0 += $1 + [0x0A] }
    let isWritten = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data(lines))
    try #require(isWritten)
  }
}

/// Each dump is loaded once; tests get copies. One at a time: a template must not be in use while it is copied.
private actor Templates {
  private var made: [String: String] = [:]
  private var last: Task<String, any Error>?

  func copy(of fixture: String, named name: String) async throws -> String {
    let before = last
    let task = Task {
      _ = try? await before?.value
      return try await make(fixture, name)
    }
    last = task
    return try await task.value
  }

  private func make(_ fixture: String, _ name: String) async throws -> String {
    let server = try await PostgresServer.shared
    let template: String
    if let known = made[name] {
      template = known
    } else {
      template = PostgresServer.uniqueName("template_\(name)")
      try await server.createDatabase(template)
      try await server.loadSQL(Fixtures.path(fixture), into: template)
      made[name] = template
    }
    let copy = PostgresServer.uniqueName("airflow_\(name)")
    try await server.createDatabase(copy, template: template)
    return copy
  }
}
