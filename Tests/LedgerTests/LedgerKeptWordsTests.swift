import ExecutionModel
import Records
import Storage
import TestServers
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerKeptWordsTests {
  private func conf(_ bench: Bench) async throws -> [String?] {
    try await bench.ledger.values("SELECT conf FROM dag_run ORDER BY id")
  }

  private func evidence(_ bench: Bench) async throws -> [String?] {
    try await bench.ledger.values("SELECT value FROM evidence ORDER BY link, position")
  }

  private static let secret = RawJSON(#"{"token":"canary","a":1}"#)

  @Test func secretsAreTakenOutBeforeAnythingIsWritten() async throws {
    let bench = try await Bench()
    try await bench.ledger.register(keeping: KeptWords(conf: .redact, messages: .drop, names: ["iban"]))
    try await keep(RawJSON(#"{"token":"canary","IBAN":"canary","a":1}"#), in: bench)
    #expect(try await conf(bench) == [#"{"token":"***","IBAN":"***","a":1}"#])
    #expect(try await evidence(bench) == ["password=***"])
    // Read again it is the same: nothing has changed.
    #expect(try await keep(RawJSON(#"{"token":"canary","IBAN":"canary","a":1}"#), in: bench).changedRuns == 0)
    #expect(try await keep(RawJSON(#"{"token":"other canary","IBAN":"canary","a":2}"#), in: bench).changedRuns == 1)
  }

  @Test func whatWasKeptBeforeIsBroughtInLine() async throws {
    let bench = try await Bench()
    try await keep(Self.secret, in: bench)
    #expect(try await conf(bench) == [Self.secret.text])
    #expect(try await evidence(bench) == ["password=canary"])
    for _ in 0..<2 {
      try await bench.ledger.register(keeping: KeptWords(conf: .redact, messages: .redact))
      #expect(try await conf(bench) == [#"{"token":"***","a":1}"#])
      #expect(try await evidence(bench) == ["password=***"])
    }
    try await bench.ledger.register(keeping: KeptWords(conf: .drop, messages: .keep))
    #expect(try await conf(bench) == [nil])
    // What was dropped does not come back by itself.
    try await bench.ledger.register(keeping: .all)
    #expect(try await conf(bench) == [nil])
  }

  @Test func manyRowsAreBroughtInLine() async throws {
    let bench = try await Bench()
    try await keep(Self.secret, in: bench)
    try await bench.ledger.change(
      """
      INSERT INTO dag_run (instance, dag_id, run_id, source_id, is_open, revision, conf)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)
      SELECT 1, 'many', CAST(i AS text), 1000 + i, 0, 1, '{"password":"canary"}' FROM n
      """)
    try await bench.ledger.register(keeping: KeptWords(conf: .redact, messages: .keep))
    #expect(
      try await bench.ledger.values("SELECT CAST(count(*) AS text) FROM dag_run WHERE conf LIKE '%canary%'") == ["0"])
    #expect(
      try await bench.ledger.values("SELECT CAST(count(*) AS text) FROM dag_run WHERE conf LIKE '%***%'") == ["4501"])
  }

  @discardableResult
  private func keep(_ conf: RawJSON, in bench: Bench) async throws -> CaptureOutcome {
    var run = DagRun(key: DagRunKey(instance: "prod", dagID: "d", runID: "r"), sourceID: 7)
    run.state = "success"
    run.conf = conf
    let attempt = AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1)
    var batch = CaptureBatch(instance: "prod", readAt: Instant(microseconds: 1))
    batch.snapshots = [DagRunSnapshot(run: run, attempts: [TaskAttempt(key: attempt, isCurrent: true)])]
    return try await bench.ledger.apply(batch) { _, _ in
      [
        LinkProposal(
          attempt: attempt, target: nil, relation: .triggered, confidence: .exact,
          evidence: [Evidence(kind: "xcom_return_value", value: "password=canary")], unresolved: "names no run")
      ]
    }
  }
}

extension Ledger {
  fileprivate func values(_ sql: String) throws -> [String?] {
    try read { try $0.prepare(sql).rows { $0.optionalText(0) } }
  }

  fileprivate func change(_ sql: String) throws { try write { try $0.execute(sql) } }
}
