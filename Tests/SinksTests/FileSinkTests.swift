import ExecutionModel
import Glibc
import JSONText
import Ledger
import Records
import SQLite
import TestServers
import Testing

@testable import Sinks

struct FileSinkTests {
  private static let dags = (0..<5).map { "d\($0)" }

  private func keys(_ path: String) throws -> [String] {
    try readLines(path).map { try JSONValue(parsing: $0)["key"]?.stringValue ?? "" }
  }

  private static func key(_ dag: String) -> String { "prod/\(dag)/manual__\(dag)" }

  @Test func everyFinishedRunIsOneLineThatEqualsItsRecord() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: Self.dags, tasks: 3)
    let path = bench.folder.file("records.ndjson")
    let sink = bench.archive(path)
    let round = try await sink.deliver()
    #expect(round.delivered == 5 && round.outage == nil)
    let lines = try readLines(path)
    for (row, line) in lines.enumerated() {
      let record = try await bench.ledger.record(.dagRun(Int64(row + 1)), RecordContext())
      #expect(line + "\n" == String(decoding: RecordEncoder.encode(try #require(record)), as: UTF8.self) + "\n")
      #expect(line.hasPrefix(FileSink.lineBeginning))
    }
    #expect(try keys(path) == Self.dags.map(Self.key))
    #expect(try await sink.deliver().wasIdle)
    let status = try await bench.status("archive")
    #expect(status.delivered == 5 && status.pending == 0 && status.error == nil)
  }

  @Test func aRunThatIsUnderWayWritesNoLine() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: ["d"], state: "running")
    #expect(try await bench.archive(bench.folder.file("r")).deliver().wasIdle)
  }

  @Test func aRecordThatChangedBeforeItWasWrittenIsWrittenOnce() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep([Bench.snapshot("d", state: "failed", tasks: 1)])
    try await bench.keep([Bench.snapshot("d", state: "success", tasks: 1)])
    let path = bench.folder.file("records.ndjson")
    try await bench.drain(bench.archive(path))
    let lines = try readLines(path)
    #expect(lines.count == 1)
    #expect(try JSONValue(parsing: lines[0])["dag_run"]?["state"]?.stringValue == "success")
  }

  @Test(arguments: [
    (RecordOptions.Results.all, ["model.shop.a", "test.shop.b"]), (.failed, ["test.shop.b"]), (.none, []),
  ])
  func asManyResultsAsWantedAreWritten(_ results: RecordOptions.Results, _ expected: [String]) async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep([Bench.snapshot("d", state: "success", tasks: 1)]) { snapshot, _ in
      [
        LinkProposal(
          attempt: snapshot.attempts[0].key, target: DbtRunReference(host: "h.example", accountID: 42, runID: 7),
          relation: .triggered, confidence: .exact, evidence: [Evidence(kind: "xcom_job_run_id", value: "7")])
      ]
    }
    let due = try #require(try await bench.ledger.dueDbtRuns(of: "analytics", now: .max, limit: 9).first)
    var dbt = DbtRun(key: due.key, status: "error", isComplete: true)
    (dbt.account, dbt.accountID, dbt.runID) = ("analytics", 42, 7)
    (dbt.createdAt, dbt.startedAt, dbt.finishedAt) = (at(5), at(6), at(30))
    var step = DbtStep(index: 4)
    step.results = [
      DbtNodeResult(uniqueID: "model.shop.a", status: "success"),
      DbtNodeResult(uniqueID: "test.shop.b", status: "fail"),
    ]
    dbt.steps = [step]
    _ = try await bench.ledger.keepHead(dbt, id: due.id, nextFetchAt: 0)
    try await bench.ledger.keepComplete(dbt, id: due.id)
    let path = bench.folder.file("records.ndjson")
    try await bench.drain(bench.archive(path, results: results))
    let record = try JSONValue(parsing: try #require(try readLines(path).last))
    let written = record["dbt_runs"]?.arrayValue?.first?["steps"]?.arrayValue?.first?["results"]?.arrayValue
    #expect(written?.compactMap { $0["unique_id"]?.stringValue } == expected)
  }

  // MARK: Faults

  @Test func aMissingFolderIsAnOutageThatHealsByItself() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: Self.dags)
    let path = bench.folder.file("later/records.ndjson")
    let sink = bench.archive(path)
    for wait in [0.5, 1, 2] {
      let round = try await sink.deliver()
      #expect(round.outage?.cause == "file-\(ENOENT)")
      #expect(try await bench.silence("archive") == wait)
      #expect(try await bench.status("archive").error?.contains("its folder does not exist") == true)
      bench.wait(seconds: 60)
    }
    mkdir(bench.folder.file("later"), 0o755)
    #expect(try await sink.deliver().delivered == 5)
    #expect(try keys(path) == Self.dags.map(Self.key))
    #expect(try await bench.status("archive").error == nil)
  }

  @Test func aPipeIsAnOutageAndHangsNobody() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: Self.dags)
    let path = bench.folder.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    #expect(try await bench.archive(path).deliver().outage?.cause == "file-\(ESPIPE)")
    #expect(try await bench.status("archive").pending == 5)
  }

  @Test func theNullDeviceTakesEverything() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: Self.dags)
    #expect(try await bench.archive("/dev/null").deliver().delivered == 5)
  }

  @Test func whatIsNotOnTheDiskForCertainIsWrittenAgain() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: Self.dags)
    let path = bench.folder.file("records.ndjson")
    let isBroken = Box(true)
    let sink = bench.archive(path) { descriptor in
      guard isBroken.value else { return fdatasync(descriptor) }
      errno = EIO
      return -1
    }
    let round = try await sink.deliver()
    #expect(round.delivered == 0)
    #expect(round.outage?.cause == "file-\(EIO)")
    #expect(try await bench.status("archive").pending == 5)
    isBroken.value = false
    #expect(try await sink.deliver().delivered == 5)
    #expect(try keys(path) == (Self.dags + Self.dags).map(Self.key))
  }

  @Test func aCrashBetweenWritingAndNotingWritesTheLineAgain() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: ["d"])
    await bench.ledger.close()
    let before = try #require(try readFile(bench.ledger.path))
    let path = bench.folder.file("records.ndjson")
    try await bench.ledger.open()
    try await bench.drain(bench.archive(path))
    // The ledger as it was when the process died.
    await bench.ledger.close()
    for suffix in ["-wal", "-shm"] { unlink(bench.ledger.path + suffix) }
    let descriptor = creat(bench.ledger.path, 0o640)
    #expect(write(descriptor, before, before.count) == before.count)
    close(descriptor)
    let again = try await bench.restarted()
    try await again.drain(again.archive(path))
    let lines = try readLines(path)
    #expect(lines.count == 2 && lines[0] == lines[1])
  }

  @Test func aRecordThatIsGoneIsParkedAndTheRestIsWritten() async throws {
    let bench = try await Bench(Bench.file)
    try await bench.keep(dags: Self.dags)
    await bench.ledger.close()
    try SQLiteDatabase(path: bench.ledger.path, mode: .readWrite).execute("DELETE FROM dag_run WHERE dag_id = 'd2'")
    let again = try await bench.restarted()
    let path = again.folder.file("records.ndjson")
    let round = try await again.archive(path).deliver()
    #expect(round.delivered == 4 && round.parked == 1)
    #expect(try again.parked().map(\.reason) == ["the ledger no longer has this record"])
    #expect(try keys(path) == ["d0", "d1", "d3", "d4"].map(Self.key))
  }

  @Test(.enabled(if: SmallFileSystem.isPossible, "needs root and mount(8)"))
  func aFullFileSystemKeepsWholeLinesAndGoesOnOnceThereIsRoom() async throws {
    let bench = try await Bench(Bench.file)
    let dags = (0..<40).map { "d\($0)" }
    try await bench.keep(dags: dags, tasks: 10)
    let small = try SmallFileSystem(kilobytes: 64)
    let path = small.path + "/records.ndjson"
    let sink = bench.archive(path)
    var written = 0
    for _ in 0..<3 {
      let round = try await sink.deliver()
      written += round.delivered
      #expect(round.outage?.cause == "file-\(ENOSPC)")
      #expect(try await bench.status("archive").error?.contains("free some room") == true)
      #expect(try keys(path) == dags.prefix(written).map(Self.key))
      bench.wait(seconds: 60)
    }
    #expect(written > 0 && written < 40)
    // Trying again has not filled it with lines that were there already, and each came once.
    try small.resize(kilobytes: 4096)
    try await bench.drain(sink)
    #expect(try keys(path) == dags.map(Self.key))
  }
}
