import FoundationEssentials
import JSONText
import TestServers
import Testing

/// One syncer with several Airflow instances, a backend and a file sink; no dbt Cloud.
final class Site: Sendable {
  struct Instance: Sendable {
    var name: String
    var dsn: String
    /// More keys of its entry, each a line of YAML.
    var keys: [String] = []
  }

  let folder: TemporaryFolder
  let backend: EventBackend

  init(_ instances: [Instance], hasLineage: Bool = false) throws {
    folder = try TemporaryFolder()
    backend = try EventBackend()
    var lines = ["ledger: sqlite:\(folder.file("ledger.db"))", "airflow:"]
    for instance in instances {
      lines += [
        "  - name: \(instance.name)", "    dsn: \"\(instance.dsn)\"", "    backfill: all", "    poll_interval: 100ms",
      ]
      lines += instance.keys.map { "    \($0)" }
    }
    lines.append("sinks:")
    lines += ["  - name: archive", "    type: file", "    path: \(folder.file("records.ndjson"))"]
    if hasLineage { lines += ["  - name: lineage", "    type: openlineage", "    url: \(backend.url)"] }
    try folder.write(lines.joined(separator: "\n") + "\n", to: "syncer.yaml")
  }

  var config: String { folder.file("syncer.yaml") }

  /// Adds keys to the configuration, each a line of YAML.
  func add(_ keys: [String]) throws {
    let text = try String(contentsOfFile: config, encoding: .utf8)
    try folder.write((keys + [text]).joined(separator: "\n"), to: "syncer.yaml")
  }

  func replace(_ old: String, with new: String) throws {
    try folder.write(try String(contentsOfFile: config, encoding: .utf8).replacing(old, with: new), to: "syncer.yaml")
  }

  func run(_ arguments: [String]) async throws -> Subprocess.Output {
    try await Program.run(arguments, config: config)
  }

  func startDaemon() throws -> Subprocess {
    try Program.start(["run"], config: config, environment: ["TMPDIR": folder.path])
  }

  func status() async throws -> JSONValue {
    try JSONValue(parsing: try await run(["status", "--json"]).standardOutput)
  }

  /// What `status --json` says of one instance.
  func status(of instance: String) async throws -> JSONValue? {
    try await status()["airflow"]?.arrayValue?.first { $0["name"]?.stringValue == instance }
  }

  func state() async throws -> String { try await status()["state"]?.stringValue ?? "-" }

  /// `runs list --json` of one instance.
  func records(of instance: String) async throws -> [JSONValue] {
    let output = try await run(["runs", "list", "--json", "--instance", instance])
    try #require(output.status == 0, "\(output.errorText)")
    return try output.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }
}

extension PostgresServer {
  /// Waits until a syncer has begun and ended a poll of that instance `count` times more.
  func waitForPolls(_ count: Int, of instance: String, in database: String) async throws {
    for number in 1...count {
      let moment = try await execute("SELECT clock_timestamp()", database: database)
      // Each of the syncer's transactions starts with a query that the server notes the time of.
      try await eventually("poll \(number) of \(instance)") {
        try await execute(
          """
          SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'
            AND application_name = 'airflow-syncer/\(instance)' AND query_start > '\(moment)'
          """, database: database) != "0"
      }
    }
  }
}
