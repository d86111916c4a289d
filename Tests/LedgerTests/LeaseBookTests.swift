import Dispatch
import Postgres
import Storage
import Synchronization
import TestServers
import Testing

@testable import Ledger

/// Leases on a real server. Time passes by what is written into the rows.
struct LeaseBookTests {
  private let prod = PartName(.airflow, "prod")
  private let sink = PartName(.sink, "lineage")

  private func withBench(_ body: (Bench) async throws -> Void) async throws {
    try await Driver.$current.withValue(.postgres) { try await body(try await Bench()) }
  }

  private func book(_ bench: Bench) throws -> LeaseBook { try #require(try LeaseBook(bench.place)) }

  private func expire(_ bench: Bench) throws { try bench.execute("UPDATE lease SET expires_at = 0") }

  @Test func aFileHasNoLeases() throws { #expect(try LeaseBook(.file("/nowhere/ledger.db")) == nil) }

  @Test func oneOfTwoHasALeaseAndTheOtherGetsItWhenItIsOver() async throws {
    try await withBench { bench in
      let (first, second) = (try book(bench), try book(bench))
      try await first.enter(mode: "run", version: "1")
      #expect(try await first.keep([prod, sink]) == [prod: 1, sink: 1])
      #expect(try await second.keep([prod, sink]) == [:])
      #expect(try await second.holder(ofOneOf: [sink])?.contains("the daemon on ") == true)
      #expect(try await first.holder(ofOneOf: [prod, sink]) == nil)
      try expire(bench)
      // Late, but before anybody else.
      #expect(try await first.keep([prod, sink]) == [prod: 1, sink: 1])
      #expect(try await second.keep([prod, sink]) == [:])
      try expire(bench)
      #expect(try await second.keep([sink]) == [sink: 2])
      #expect(try await first.keep([prod, sink]) == [prod: 1])
    }
  }

  @Test func aLeaseThatIsGivenBackIsFreeAtOnceAndItsTokenIsNeverUsedAgain() async throws {
    try await withBench { bench in
      let (first, second) = (try book(bench), try book(bench))
      try await first.enter(mode: "run", version: "1")
      _ = try await first.keep([prod, sink])
      try await first.release([sink])
      #expect(try await second.keep([prod, sink]) == [sink: 2])
      try await first.leave()
      #expect(try await second.keep([prod, sink]) == [prod: 2, sink: 2])
      #expect(try bench.query("SELECT count(*) FROM daemon") == ["0"])
    }
  }

  @Test func whoHasLostALeaseWritesNothing() async throws {
    try await withBench { bench in
      let (first, second) = (try book(bench), try book(bench))
      let losses = Atomic<Int>(0)
      let token = try #require(try await first.keep([prod])[prod])
      let old = Fence(part: prod, token: token) { losses.add(1, ordering: .relaxed) }
      try await Fence.$current.withValue(old) { _ = try await bench.apply(run("r1", "success", end: 30)) }
      try expire(bench)
      let newToken = try #require(try await second.keep([prod])[prod])
      let before = try bench.query("SELECT string_agg(CAST(id AS text) || kind, ' ' ORDER BY id) FROM outbox")
      await #expect(
        performing: {
          try await Fence.$current.withValue(old) {
            _ = try await bench.apply(run("r2", "success", source: 2, end: 30))
          }
        }, throws: { ($0 as? LedgerError)?.kind == .leaseLost })
      // Also where nothing is read before the end.
      await #expect(
        performing: {
          try await Fence.$current.withValue(old) { try await bench.ledger.fix(bodies: [(id: 1, body: [1])]) }
        }, throws: { ($0 as? LedgerError)?.kind == .leaseLost })
      #expect(losses.load(ordering: .relaxed) == 2)
      #expect(try bench.query("SELECT string_agg(CAST(id AS text) || kind, ' ' ORDER BY id) FROM outbox") == before)
      #expect(try bench.query("SELECT run_id FROM dag_run") == ["r1"])
      #expect(try bench.query("SELECT count(*) FROM outbox WHERE body IS NOT NULL") == ["0"])
      let new = Fence(part: prod, token: newToken) {}
      try await Fence.$current.withValue(new) { _ = try await bench.apply(run("r2", "success", source: 2, end: 30)) }
      #expect(try bench.query("SELECT run_id FROM dag_run ORDER BY 1") == ["r1", "r2"])
    }
  }

  @Test func aTransactionThatItsOwnerHasLeftOpenHoldsNobodyUp() async throws {
    try await withBench { bench in
      let (first, second) = (try book(bench), try book(bench))
      _ = try await first.keep([prod])
      // As one that was stopped in the middle: it has the lock and has sent half of what is to follow.
      let place = bench.place
      let (held, letGo, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      DispatchQueue(label: "stopped").async {
        defer { ended.signal() }
        guard case .postgres(let configuration, let schema) = place,
          let database = try? PostgresDatabase(
            configuration, schema: schema, limits: TransactionLimits(idleTimeout: 0))
        else { return }
        try? database.transaction {
          _ = try database.prepare("UPDATE ledger SET seen_at = 1").change()
          try database.prepare("SELECT length(?)").binding { $0(String(repeating: "x", count: 300_000)) }.run()
          held.signal()
          letGo.wait()
        }
      }
      await withCheckedContinuation { continuation in
        DispatchQueue(label: "held").async {
          held.wait()
          continuation.resume()
        }
      }
      try expire(bench)
      try await eventually(within: 60, "a take-over") {
        // Until the other has been silent for long enough.
        ((try? await second.keep([prod])) ?? [:])[prod] == 2
      }
      letGo.signal()
      await withCheckedContinuation { continuation in
        DispatchQueue(label: "ended").async {
          ended.wait()
          continuation.resume()
        }
      }
      #expect(try bench.query("SELECT count(*) FROM ledger WHERE seen_at = 1") == ["0"])
    }
  }

  @Test func aNewerReleaseThatMigratesTheLedgerEndsAnOlderOne() async throws {
    try await withBench { bench in
      let first = try book(bench)
      let token = try #require(try await first.keep([prod])[prod])
      try bench.execute("UPDATE ledger SET version = version + 1")
      let known = LedgerServer.newestVersion
      await #expect(
        performing: { _ = try await first.keep([prod]) },
        throws: {
          ($0 as? LedgerError)?.kind == .newerSchema(found: known + 1, known: known)
        })
      await #expect(
        performing: {
          try await Fence.$current.withValue(Fence(part: prod, token: token) {}) {
            _ = try await bench.apply(run("running"))
          }
        }, throws: { ($0 as? LedgerError)?.kind == .leaseLost })
    }
  }

  @Test func statusTellsWhoWorksAsWhat() async throws {
    try await withBench { bench in
      let (first, second) = (try book(bench), try book(bench))
      try await first.enter(mode: "run", version: "1.2")
      try await second.enter(mode: "run", version: "1.3")
      _ = try await first.keep([prod, sink])
      try await bench.ledger.noteStart(mode: "run", version: "1.3")
      // A command that needs no lease does not take their place.
      try await bench.ledger.noteStart(mode: "ingest", version: "1.3")
      var status = try await bench.ledger.status()
      #expect(status.syncer?.mode == "run")
      #expect(status.members.map(\.version) == ["1.2", "1.3"])
      #expect(status.members.map(\.leads) == [[prod, sink], []])
      #expect(status.members.allSatisfy { $0.isAlive && $0.mode == "run" } && status.syncer?.isRunning == true)
      // One of them stops, the other was killed.
      try await first.leave()
      try await bench.ledger.noteStop()
      status = try await bench.ledger.status()
      #expect(status.syncer?.isRunning == true && status.syncer?.stoppedAt == nil)
      try bench.execute("UPDATE daemon SET seen_at = seen_at - 11000000")
      status = try await bench.ledger.status()
      #expect(status.members.map(\.isAlive) == [false])
      #expect(status.syncer?.isRunning == false && status.syncer?.stoppedAt == nil)
    }
  }
}
