import Glibc
import JSONText
import LoopbackHTTP
import TestServers
import Testing

/// `deliveries retry` and `discard` typed beside the running daemon.
@Suite struct LiveDeliveriesTests {
  private func sink(_ lab: Lab) async throws -> JSONValue? {
    try await lab.status()["sinks"]?.arrayValue?.first { $0["name"]?.stringValue == "lineage" }
  }

  private func parked(_ lab: Lab) async throws -> Int64? { try await sink(lab)?["parked"]?.integerValue }

  @Test(arguments: [false, true])
  func whatIsDecidedByHandHappensWithoutARestart(_ isInPostgres: Bool) async throws {
    var settings = Lab.Settings(hasFile: false, lineage: ["emit: [dag_runs, attempts, dbt_runs]"])
    if isInPostgres {
      let server = try await PostgresServer.shared
      let name = PostgresServer.uniqueName("state")
      try await server.createDatabase(name)
      settings.ledgerURL = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
    }
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.11.2"), truth: "2.11.2", settings)
    settings.top = ["status_socket: \(lab.folder.file("status.sock"))"]
    try lab.configure(settings)
    // One in fifty is poison, in turn of three kinds.
    lab.backend.answer(by: { number in
      number % 50 == 0 ? LoopbackResponse(status: [400, 413, 422][number / 50 % 3]) : nil
    })
    #expect(try await lab.run(["sync"]).status == 1)
    let daemon = try lab.startDaemon()
    try await eventually("the daemon") { try await lab.status()["source"]?.stringValue == "daemon" }
    try await lab.waitForPolls()
    let poison = lab.backend.refused
    let good = lab.backend.bodies.count
    #expect(poison.count == lab.backend.requests / 50 && poison.count >= 6 && good > 300)
    #expect(try await parked(lab) == Int64(poison.count))
    #expect(try await lab.state() == "degraded")
    func refused(_ index: Int) -> Set<String> {
      // The first was the fiftieth, and so of the second kind.
      Set(
        poison.enumerated().filter { ($0.offset + 1) % 3 == index }.map { String(decoding: $0.element, as: UTF8.self) })
    }

    // Filters that leave nothing, or are a slip of the pen.
    lab.backend.answer(by: nil)
    #expect(try await lab.run(["deliveries", "retry", "--sink", "linage"]).status == 64)
    #expect(try await lab.run(["deliveries", "retry"]).status == 64)
    for nothing in [["--until", "1h"], ["--reason", "HTTP 404"], ["--dag", "no_such_*"]] {
      let output = try await lab.run(["deliveries", "retry", "--sink", "lineage"] + nothing)
      #expect(output.text.hasPrefix("0 items"), "\(nothing) \(output.text)\(output.errorText)")
    }
    let unasked = try await lab.run(["deliveries", "discard", "--sink", "lineage", "--reason", "HTTP 422"])
    #expect(unasked.status == 1 && unasked.errorText.contains("--yes"))
    #expect(try await parked(lab) == Int64(poison.count))

    // Some are sent again by their reason, soon and with the same bytes.
    let tooLarge = refused(1)
    let retried = try await lab.run([
      "deliveries", "retry", "--sink", "lineage", "--reason", "HTTP 413", "--since", "1h",
    ])
    #expect(retried.text.hasPrefix("\(tooLarge.count) item") && !retried.text.contains("no daemon"), "\(retried.text)")
    try await eventually("what was too large") { lab.backend.distinct.isSuperset(of: tooLarge) }
    try await lab.waitUntilIdle()
    #expect(lab.backend.bodies.count == good + tooLarge.count)

    // Others are given up, with a word of who, how many and why.
    let invalid = refused(2)
    let discarded = try await lab.run([
      "deliveries", "discard", "--sink", "lineage", "--reason", "HTTP 422", "--because", "a broken facet", "--yes",
    ])
    #expect(discarded.status == 0 && discarded.text.contains("\(invalid.count) item"), "\(discarded.text)")
    for word in ["items_discarded", "items=\(invalid.count)", "by=", "because=\"a broken facet\""] {
      #expect(discarded.errorText.contains(word), "\(word) in \(discarded.errorText)")
    }
    let trace = try await lab.run(["deliveries", "list", "--state", "discarded"])
    #expect(trace.text.split(separator: "\n").count { $0.contains("a broken facet") } == invalid.count, "\(trace.text)")

    // Those of a single run, and one by its number; what was given up does not come back.
    let rest = refused(0)
    var items = try await lab.run(["deliveries", "list", "--state", "parked", "--json"]).text.split(separator: "\n").map
    {
      try JSONValue(parsing: String($0))
    }
    #expect(items.count == rest.count && rest.count > 1)
    let number = try #require(items.removeLast()["item"]?.integerValue)
    #expect(try await lab.run(["deliveries", "retry", "\(number)"]).text.hasPrefix("1 item"))
    // A dbt run may be without a DAG run.
    for alone in items where alone["dag_run"]?.stringValue == nil {
      let number = try #require(alone["item"]?.integerValue)
      #expect(try await lab.run(["deliveries", "retry", "\(number)"]).text.hasPrefix("1 item"))
    }
    for run in Set(items.compactMap { $0["dag_run"]?.stringValue }) {
      let output = try await lab.run(["deliveries", "retry", "--run", run, "--state", "parked"])
      #expect(output.status == 0, "\(output.errorText)")
    }
    let left = try await lab.run(["deliveries", "list", "--state", "parked"]).text
    #expect(try await parked(lab) == 0, "\(left)")
    try await eventually("the rest") { lab.backend.distinct.isSuperset(of: rest) }
    try await lab.waitUntilIdle()
    #expect(lab.backend.distinct.isDisjoint(with: invalid))
    #expect(lab.backend.bodies.count == good + tooLarge.count + rest.count)
    #expect(try await lab.state() == "healthy")

    #expect(daemon.isRunning)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
  }

  /// Whoever knows that it is back knows better.
  @Test func aBackendThatAskedForAnHourOfSilenceIsAskedWhenSomebodySaysSo() async throws {
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: nil,
      .init(accounts: [], hasFile: false, lineage: ["emit: [dag_runs]"]))
    lab.backend.answer(LoopbackResponse(status: 503, headers: [("Retry-After", "3600")]))
    let daemon = try lab.startDaemon()
    try await eventually("the answer") { try await sink(lab)?["error"]?.stringValue != nil }
    #expect(lab.backend.requests == 1)
    lab.backend.answer(LoopbackResponse(status: 201))
    let output = try await lab.run(["deliveries", "retry", "--sink", "lineage"])
    #expect(output.status == 0 && output.text.hasPrefix("1 item"), "\(output.text)\(output.errorText)")
    try await lab.waitUntilIdle()
    #expect(!lab.backend.bodies.isEmpty)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
  }
}
