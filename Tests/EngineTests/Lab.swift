import Configuration
import DbtCloudStandIn
import FoundationEssentials
import JSONText
import LoopbackHTTP
import Synchronization
import TestServers
import Testing
import _StringProcessing

/// One syncer's world: an Airflow database in a real server, a stand-in for dbt Cloud that knows the runs of the truth,
/// a backend, a folder for ledger and file sink, and a configuration that names them all.
final class Lab: Sendable {
  let folder: TemporaryFolder
  let server: PostgresServer
  let database: String
  let ledgerDatabase: String?
  let standIn = StandIn()
  let backend: EventBackend
  let cloudPort: UInt16
  private let cloud = Mutex<LoopbackServer?>(nil)

  /// What the configuration says beside the partners' addresses.
  struct Settings: Sendable {
    var dsn: String?
    /// More keys of the entry of `airflow`, each a line of YAML.
    var airflow: [String] = []
    var pollInterval = "200ms"
    var accounts: [Int64] = [1001, 70_437_463_654_557]
    var hasLineage = true
    var hasFile = true
    var ledger: String?
    /// Of a ledger in Postgres.
    var ledgerURL: String?
    /// Its name in the server, where a test looks into it.
    var ledgerDatabase: String?
    var record: String?
    var backfill = "all"
    /// Of a proxy before dbt Cloud, or before the backend.
    var cloudPort: Int?
    var backendPort: Int?
    /// Whom dbt Cloud's certificate is from, where it has one; see ``openCloud(tls:)``.
    var cloudAuthority: String?
    /// More keys of the entry of the lineage sink, and of the file, each a line of YAML.
    var lineage: [String] = []
    var top: [String] = []
  }

  /// - Parameters:
  ///   - database: of the shared server, unless `server` is given.
  ///   - truth: the version whose dbt runs the stand-in plays; nil for none.
  init(
    database: String, server: PostgresServer? = nil, truth: String?, _ settings: Settings = Settings(),
    backend: EventBackend? = nil
  ) async throws {
    folder = try TemporaryFolder()
    self.database = database
    ledgerDatabase = settings.ledgerDatabase
    if let server { self.server = server } else { self.server = try await PostgresServer.shared }
    self.backend = try backend ?? EventBackend()
    cloudPort = try Self.open(cloud, standIn)
    if let truth {
      for run in try TruthFile.runs(ofFile: Fixtures.path("airflow/dumps/\(truth).truth.json")) { standIn.add(run) }
    }
    let build = try #require(ArtifactFolder(path: Fixtures.path("dbt/1.12-postgres/03_run")))
    let failed = try #require(ArtifactFolder(path: Fixtures.path("dbt/1.12-postgres/14_build_failfast")))
    standIn.addArtifacts(build, outcome: .success)
    standIn.addArtifacts(failed, outcome: .error)
    for account in [1001, 70_437_463_654_557] as [Int64] { standIn.setTokens(["token-\(account)"], account: account) }
    try configure(settings)
  }

  var config: String { folder.file("syncer.yaml") }
  var ledger: String { folder.file("ledger.db") }
  var archive: String { folder.file("records.ndjson") }

  /// Writes the configuration anew.
  func configure(_ settings: Settings) throws {
    for account in settings.accounts { try folder.write("token-\(account)\n", to: "token-\(account)") }
    var lines = [
      "ledger: \(settings.ledgerURL ?? "sqlite:\(settings.ledger ?? ledger)")", "airflow:", "  - name: lab",
      "    dsn: \"\((settings.dsn ?? server.conninfo(database: database)).replacing("\\", with: "\\\\"))\"",
      "    namespace: default", "    backfill: \(settings.backfill)", "    poll_interval: \(settings.pollInterval)",
    ]
    lines += settings.airflow.map { "    \($0)" }
    if !settings.accounts.isEmpty { lines.append("dbt_cloud:") }
    for account in settings.accounts {
      lines += [
        "  - name: account-\(account)", "    account_id: \(account)",
        "    url: \(settings.cloudAuthority == nil ? "http" : "https")://127.0.0.1:\(settings.cloudPort ?? Int(cloudPort))",
        "    token_file: \(folder.file("token-\(account)"))", "    requests_per_second: 80",
      ]
      if let authority = settings.cloudAuthority { lines.append("    ca_file: \(authority)") }
    }
    if settings.hasFile || settings.hasLineage { lines.append("sinks:") }
    if settings.hasFile { lines += ["  - name: archive", "    type: file", "    path: \(archive)"] }
    if settings.hasLineage {
      let url = settings.backendPort.map(backend.url(through:)) ?? backend.url
      lines += ["  - name: lineage", "    type: openlineage", "    url: \(url)"] + settings.lineage.map { "    \($0)" }
    }
    if let record = settings.record { lines.append("record: \(record)") }
    lines += settings.top
    try folder.write(lines.joined(separator: "\n") + "\n", to: "syncer.yaml")
  }

  func configuration() throws -> Configuration { try Configuration.load(path: config).configuration }

  // MARK: dbt Cloud

  func openCloud(tls: LoopbackServer.TLS? = nil) throws { try Self.open(cloud, standIn, on: cloudPort, tls: tls) }

  @discardableResult
  private static func open(
    _ cloud: borrowing Mutex<LoopbackServer?>, _ standIn: StandIn, on wanted: UInt16? = nil,
    tls: LoopbackServer.TLS? = nil
  ) throws -> UInt16 {
    for attempt in 1... {
      let port = try wanted ?? UInt16(freePort())
      do {
        let server = try standIn.serve(port: port, tls: tls)
        // The same in every lab, so that their records can be compared.
        standIn.setBaseURL("https://dbt.example")
        cloud.withLock { $0 = server }
        return port
      } catch  where wanted == nil && attempt < 5 {
        // Another test was faster.
      }
    }
    return 0
  }

  func closeCloud() {
    cloud.withLock { cloud -> LoopbackServer? in
      defer { cloud = nil }
      return cloud
    }?.stop()
  }

  // MARK: The program

  @discardableResult
  func run(_ arguments: [String], timeout: Double = 120) async throws -> Subprocess.Output {
    try await Program.run(arguments, config: config, timeout: timeout)
  }

  /// A `sync` that must work.
  @discardableResult
  func sync() async throws -> Subprocess.Output {
    let output = try await run(["sync"])
    try #require(output.status == 0, "\(output.text)\(output.errorText)")
    return output
  }

  /// Starts a command; what it downloads goes with the lab, however it ends.
  func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Subprocess {
    try Program.start(arguments, config: config, environment: environment.merging(["TMPDIR": folder.path]) { $1 })
  }

  func startDaemon(environment: [String: String] = [:]) throws -> Subprocess {
    try start(["run"], environment: environment)
  }

  /// `runs list --json`, one record an element.
  func records(_ arguments: [String] = []) async throws -> [String] {
    let output = try await run(["runs", "list", "--json"] + arguments)
    try #require(output.status == 0, "\(output.errorText)")
    return output.text.split(separator: "\n").map(String.init)
  }

  /// The same, empty where there is no ledger yet.
  func recordsSoFar() async throws -> [String] {
    try await run(["runs", "list", "--json"]).text.split(separator: "\n").map(String.init)
  }

  /// `status --json`.
  func status() async throws -> JSONValue {
    let output = try await run(["status", "--json"])
    return try JSONValue(parsing: output.standardOutput)
  }

  /// Waits until a poll that began after this call has been kept.
  /// - Parameter isPooled: whether a pooler gives each transaction the connection that it likes. What is read beside the
  ///   polls cannot be told from them then.
  func waitForPolls(isPooled: Bool = false) async throws {
    // Each of the syncer's transactions ends with a query that the server notes the time of. Polls have the connection
    // that was opened first. One poll may be under way now; the next one is kept when a third has ended, unless it gave
    // way to a read beside the polls that kept the same run meanwhile: then the one after it.
    let order = isPooled ? "query_start DESC" : "backend_start"
    for _ in 1...4 {
      let moment = try await server.execute("SELECT clock_timestamp()", database: database)
      try await eventually("a poll") {
        try await server.execute(
          """
          SELECT state = 'idle' AND query_start > '\(moment)' FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'airflow-syncer/lab' ORDER BY \(order) LIMIT 1
          """, database: database) == "t"
      }
    }
  }

  /// Waits until nothing is left to be read, fetched or delivered.
  func waitUntilIdle() async throws {
    do {
      try await eventually(within: 90, "that everything is fetched and delivered") {
        let status = try await self.status()
        // Before the ledger is made there is nothing at all.
        let airflow = status["airflow"]?.arrayValue ?? []
        let isLoaded = !airflow.isEmpty && airflow.allSatisfy { $0["backfill"]?["done"]?.boolValue == true }
        let parts = (status["dbt_cloud"]?.arrayValue ?? []) + (status["sinks"]?.arrayValue ?? [])
        return isLoaded && parts.allSatisfy { $0["pending"]?.integerValue == 0 }
      }
    } catch { throw TestServerError("\(error):\n\(try await run(["status"]).text)") }
  }

  /// Records but for `revision`, which counts how often a record changed on its way.
  func recordsWithoutRevision() async throws -> Set<String> {
    Set(try await records().map(withoutRevision))
  }

  private func withoutRevision(_ record: String) -> String {
    record.replacing(/"revision":\d+,/, with: "", maxReplacements: 1)
  }

  /// The file sink's last line of each record.
  func lastArchived(withRevision: Bool = false) async throws -> Set<String> {
    var last: [String: String] = [:]
    for line in archiveLines { last[try #require(try JSONValue(parsing: line)["key"]?.stringValue)] = line }
    return Set(last.values.map { withRevision ? $0 : withoutRevision($0) })
  }

  func state() async throws -> String { try await status()["state"]?.stringValue ?? "-" }

  /// The file sink's lines.
  var archiveLines: [String] {
    String(decoding: FileManager.default.contents(atPath: archive) ?? Data(), as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }
}
