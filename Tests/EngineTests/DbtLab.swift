import Configuration
import DbtCloudStandIn
import ExecutionModel
import FoundationEssentials
import JSONText
import Ledger
import LoopbackHTTP
import Platform
import TestServers
import Testing

@testable import Engine

/// A syncer without Airflow: the stand-in for dbt Cloud, folders of artifacts, a file sink.
final class DbtLab: Sendable {
  let folder: TemporaryFolder
  let standIn = StandIn()
  let server: LoopbackServer

  static let created = Instant(microseconds: 1_795_219_569_765_308)

  /// - Parameters:
  ///   - keys: more keys of the account's entry, each a line of YAML.
  ///   - more: more lines at the top of the file.
  ///   - answer: changes what the stand-in answers.
  init(
    _ keys: [String] = ["runs: all", "backfill: all"], more: [String] = [], rate: Double = 10_000,
    answer: (@Sendable (StandIn, StandInRequest) -> StandInAnswer)? = nil
  ) throws {
    folder = try TemporaryFolder()
    let standIn = standIn
    server =
      if let answer {
        try standIn.serve(answering: { @Sendable request in answer(standIn, request) })
      } else {
        try standIn.serve()
      }
    for step in ["07_build", "08_docs_generate"] {
      let artifacts = try #require(ArtifactFolder(path: Fixtures.path("dbt/1.12-postgres/\(step)")))
      standIn.addArtifacts(artifacts, outcome: .success)
    }
    let token = try folder.write("token\n", to: "token")
    var lines = [
      "ledger: sqlite:\(folder.file("ledger.db"))", "sinks:", "  - name: archive", "    type: file",
      "    path: \(folder.file("records.ndjson"))", "dbt_cloud:", "  - name: analytics", "    account_id: 1001",
      "    url: http://127.0.0.1:\(server.port)", "    token_file: \(token)", "    requests_per_second: \(rate)",
    ]
    lines += keys.map { "    \($0)" } + more
    try folder.write(lines.joined(separator: "\n") + "\n", to: "syncer.yaml")
  }

  var config: String { folder.file("syncer.yaml") }

  func configuration() throws -> Configuration { try Configuration.load(path: config).configuration }

  /// Adds runs with these ids, a second apart.
  func add(_ ids: some Sequence<Int64>, created: Instant = created) {
    for (offset, id) in ids.enumerated() {
      standIn.add(
        StandInRun(accountID: 1001, runID: id, createdAt: created.advanced(bySeconds: Int64(offset))))
    }
  }

  func run(_ arguments: [String]) async throws -> Subprocess.Output {
    try await Program.run(arguments, config: config)
  }

  /// The records of `runs list --json`, by key.
  func records() async throws -> [String: JSONValue] {
    let output = try await run(["runs", "list", "--json"])
    try #require(output.status == 0, "\(output.errorText)")
    let values = try output.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    return Dictionary(uniqueKeysWithValues: values.map { ($0["key"]?.stringValue ?? "", $0) })
  }

  /// The file sink's lines.
  var archived: [String] {
    String(decoding: FileManager.default.contents(atPath: folder.file("records.ndjson")) ?? Data(), as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }

  /// The parts that fetch dbt runs, around a ledger of their own.
  func parts(clock: @escaping @Sendable () -> Int64 = { wallClockMicroseconds() }) async throws -> (
    enrichment: Enrichment, ledger: Ledger
  ) {
    let configuration = try configuration()
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .syncing)
    try await ledger.open()
    try await ledger.register(accounts: AccountDirectory(accounts: configuration.dbtCloud.map(\.directoryEntry)))
    let enrichment = try Enrichment(
      configuration.dbtCloud[0], allowsPlainHTTP: true, ledger: ledger, reader: ArtifactReader(),
      folder: try WorkFolder(), clock: clock)
    return (enrichment, ledger)
  }
}
