import ExecutionModel
import Records
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerRecordsTests {
  @Test func whatIsStreamedIsTheRecordByteForByte() async throws {
    let bench = try await Bench(accounts: [one, two])
    let tasks = (0..<50).map { attempt("t\($0 % 7)", "success", start: 20 + $0 % 5, end: 30, map: $0) }
    let links =
      tasks.prefix(5).map { proposal($0, 71, evidence: ["z", "a"]) }
      + [proposal(tasks[9], 72, account: nil), proposal(tasks[10], nil)]
    var dag = Dag(dagID: "daily", owners: ["ann"], tags: ["x"])
    dag.isPaused = false
    try await bench.apply(run("failed", end: 40), tasks, links: links, dags: [dag])
    try await bench.apply(run("success", clear: 1, start: 50, end: 60), tasks, links: links)
    var dbt = dbtRun(71, isComplete: true)
    dbt.steps = [DbtStep(index: 1)]
    dbt.steps[0].results = [DbtNodeResult(uniqueID: "model.a.b", status: "success")]
    try await bench.answer(dbt)
    var options = RecordOptions()
    options.conf = .keep
    let context = RecordContext(options: options, uiURLs: ["prod": "https://airflow.example"])
    let id = try await bench.row()
    let record = try #require(try await bench.ledger.record(.dagRun(id), context))
    #expect(record.dbtRuns.count == 1 && record.attempts.count == 50)
    let pieces = try await bench.ledger.pieces(id, context)
    #expect(Array(pieces.joined()) == RecordEncoder.encode(record, options: options) + [0x0A])
  }

  @Test func aRecordOfTenThousandAttemptsComesInPiecesOfBoundedSize() async throws {
    let bench = try await Bench(sinks: [])
    let tasks = (0..<10_000).map { attempt("mapped", "success", start: 20, end: 30, map: $0) }
    try await bench.apply(run("success", end: 40), tasks)
    let pieces = try await bench.ledger.pieces(try await bench.row())
    #expect(pieces.count > 5)
    #expect(pieces.allSatisfy { $0.count < 300_000 })
    let record = try await bench.record()
    #expect(Array(pieces.joined()) == RecordEncoder.encode(record) + [0x0A])
  }

  @Test func whatGoesWrongWhileWritingEndsTheRecord() async throws {
    struct Full: Error {}
    let bench = try await Bench(sinks: [])
    try await bench.apply(run("success", end: 40))
    let id = try await bench.row()
    await #expect(throws: Full.self) {
      _ = try await bench.ledger.writeRecord(.dagRun(id), RecordContext(), to: { _ in throw Full() })
    }
    #expect(try await bench.ledger.pieces(id).count == 1)
    #expect(try await bench.ledger.pieces(id + 1).isEmpty)
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
  func theSameFactsGiveTheSameBytesInWhateverOrderTheyCame(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let runs = (1...4).map { number -> (DagRun, [TaskAttempt]) in
      let attempts = (1...5).map {
        attempt("t\($0)", "success", start: 20 + Int.random(in: 0...3, using: &random), end: 40)
      }
      return (run("r\(number)", "success", source: Int64(number), end: 50, logical: number), attempts)
    }
    func links(_ attempts: [TaskAttempt], _ kinds: [String]) -> [LinkProposal] {
      [
        proposal(attempts[0], 71, evidence: kinds), proposal(attempts[1], 71, evidence: kinds),
        proposal(attempts[2], 72, account: nil, confidence: .strong, isCandidate: true, evidence: kinds),
        proposal(attempts[3], nil, evidence: kinds),
      ]
    }
    let kinds = ["xcom_job_run_url", "xcom_return_value", "rendered_run_id"]
    var found: [[[UInt8]]] = []
    for _ in 0..<3 {
      let bench = try await Bench(accounts: [one, two])
      for (run, attempts) in runs.shuffled(using: &random) {
        if Bool.random(using: &random) {
          try await bench.apply(run, [], links: [])
          try await bench.apply(run, attempts, links: links(attempts, [kinds[Int.random(in: 0...2, using: &random)]]))
        }
        try await bench.apply(run, attempts, links: links(attempts, kinds.shuffled(using: &random)))
      }
      let answers: [DbtRun?] = [
        dbtRun(71, created: 22, isComplete: true), dbtRun(72, created: 23, isComplete: true), nil,
      ]
      for answer in answers.shuffled(using: &random) {
        if let answer { try await bench.answer(answer) } else { try await bench.answerAbsent(72, in: two) }
      }
      if let again = try await bench.due(dbtRun(72)) {
        // Settled only when the other account had answered: now its artifacts are wanted.
        try await bench.ledger.keepComplete(dbtRun(72, created: 23, isComplete: true), id: again.id)
      }
      var bytes: [[UInt8]] = []
      for (run, _) in runs {
        var record = try await bench.record(run.key.runID)
        record.header.revision = 0
        bytes.append(RecordEncoder.encode(record))
      }
      found.append(bytes)
    }
    #expect(found[0] == found[1] && found[1] == found[2], "seed \(seed)")
    #expect(String(decoding: found[0][0], as: UTF8.self).contains(#""complete":true"#))
  }

  /// Before 2.10 there is no history: a try that came and went between two polls is known by its number only.
  @Test func triesThatNoPollSawAreNamed() async throws {
    let bench = try await Bench()
    try await bench.apply(
      run("running"),
      [
        attempt("a", try: 2, "running"), attempt("b", try: 0, "skipped", start: nil), attempt("c", "success", end: 30),
        attempt("d", "running", map: 3),
      ])
    try await bench.apply(
      run("success", end: 90),
      [
        attempt("a", try: 6, "success", end: 80), attempt("c", try: 2, "success", end: 80),
        attempt("d", "failed", end: 70, map: 3),
      ])
    #expect(
      try await bench.record().unseenTries == [
        UnseenTries(taskID: "a", mapIndex: -1, first: 1, last: 1),
        UnseenTries(taskID: "a", mapIndex: -1, first: 3, last: 5),
      ])
  }
}
