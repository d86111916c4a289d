import ExecutionModel
import Glibc
import TestServers
import Testing

@testable import Ledger

struct LedgerTests {
  @Test(.eachDriver) func aBatchThatFailsHalfwayKeepsNothingOfItself() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"))
    // The outbox refuses the event of the attempt, after the run's row was changed.
    try bench.refuse("outbox", when: "new.kind = 'attempt'")
    let before = try bench.query("SELECT id || ' ' || revision || ' ' || state FROM dag_run")
    let told = try await bench.told()
    var batch = CaptureBatch(instance: "prod", readAt: at(100))
    batch.snapshots = [
      DagRunSnapshot(run: run("success", end: 40)),
      DagRunSnapshot(run: run("r2", "running", source: 2, logical: 1), attempts: [attempt("running")]),
    ]
    batch.cursor = 2
    batch.backfill = .init(below: 1, isDone: true, runs: 5, total: 5)
    await #expect(throws: LedgerError.self) { try await bench.ledger.apply(batch) { _, _ in [] } }
    #expect(try bench.query("SELECT id || ' ' || revision || ' ' || state FROM dag_run") == before)
    #expect(try await bench.told() == told)
    let progress = try await bench.ledger.progress(of: "prod")
    #expect(progress.cursor == 0 && progress.backfillBelow == nil && !progress.isBackfillDone)

    try bench.refuseNothing("outbox")
    _ = try await bench.ledger.apply(batch) { _, _ in [] }
    #expect(try await bench.ledger.progress(of: "prod").cursor == 2)
    #expect(
      try await bench.told() == ["run c0 START 10", "run c0 COMPLETE 40", "run c0 START 10", "a.1 START 20"])
  }

  @Test(.enabled(if: getuid() == 0, "only root can mount a small file system"))
  func aFullDiskLosesNothingAndHealsWhenThereIsRoom() async throws {
    let folder = try TemporaryFolder()
    let mounted = try await Subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", folder.path])
    try #require(mounted.status == 0, "\(mounted.errorText)")
    do {
      try await fill(folder)
    } catch {
      _ = try await Subprocess.run(["umount", "-l", folder.path])
      throw error
    }
    _ = try await Subprocess.run(["umount", "-l", folder.path])
  }

  private func fill(_ folder: TemporaryFolder) async throws {
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing)
    try await ledger.open()
    try await ledger.register(sinks: [events])
    _ = try await ledger.progress(of: "prod")
    var large = run("success", end: 40)
    large.conf = RawJSON("\"" + String(repeating: "x", count: 1_000_000) + "\"")
    var batch = CaptureBatch(instance: "prod", readAt: at(100))
    batch.snapshots = (1...8).map { number in
      var run = large
      run.key.runID = "r\(number)"
      run.sourceID = Int64(number)
      run.logicalDate = at(number)
      return DagRunSnapshot(run: run)
    }
    batch.cursor = 8
    let error = await #expect(throws: LedgerError.self) { try await ledger.apply(batch) { _, _ in [] } }
    #expect(error?.kind == .full)
    #expect(error?.isTransient == true)
    #expect(try await ledger.progress(of: "prod").cursor == 0)
    #expect(try await ledger.runs(RunFilter()).isEmpty)
    let more = try await Subprocess.run(["mount", "-o", "remount,size=60m", folder.path])
    try #require(more.status == 0, "\(more.errorText)")
    _ = try await ledger.apply(batch) { _, _ in [] }
    #expect(try await ledger.runs(RunFilter()).count == 8)
    await ledger.close()
  }

  @Test func aFileThatMayNotGrowIsFullToo() async throws {
    // Not only root can see this one: the limit is the ledger's own connection's.
    let bench = try await Bench()
    try await bench.ledger.limitPages(to: 200)
    var large = run("success", end: 40)
    large.conf = RawJSON("\"" + String(repeating: "x", count: 4_000_000) + "\"")
    let snapshot = large
    let error = await #expect(throws: LedgerError.self) { try await bench.apply(snapshot) }
    #expect(error?.kind == .full)
    #expect(try await bench.ledger.runs(RunFilter()).isEmpty)
    try await bench.ledger.limitPages(to: 100_000)
    try await bench.apply(snapshot)
    #expect(try await bench.ledger.runs(RunFilter()).count == 1)
  }

  @Test(.eachDriver) func anUnknownInstanceIsAnErrorNotASilence() async throws {
    let bench = try await Bench()
    let batch = CaptureBatch(instance: "elsewhere", readAt: at(0))
    let error = await #expect(throws: LedgerError.self) { try await bench.ledger.apply(batch) { _, _ in [] } }
    #expect(error?.description.contains("elsewhere") == true)
  }
}

extension Ledger {
  fileprivate func limitPages(to count: Int) throws {
    _ = try read { try $0.integer("PRAGMA max_page_count = \(count)") }
  }
}
