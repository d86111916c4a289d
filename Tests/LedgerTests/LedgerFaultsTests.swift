import ExecutionModel
import Glibc
import SQLite
import Storage
import TestServers
import Testing

@testable import Ledger

/// What may happen to the file of a ledger.
@Suite struct LedgerFaultsTests {
  private func failure(_ path: String, _ purpose: Ledger.Purpose) async -> LedgerError? {
    let ledger = Ledger(path: path, purpose: purpose)
    do {
      try await ledger.open()
      await ledger.close()
      return nil
    } catch { return error as? LedgerError }
  }

  private func filled() async throws -> Bench {
    let bench = try await Bench(sinks: [events])
    for number in 1...30 {
      try await bench.apply(
        run("r\(number)", "success", source: Int64(number), end: 40, logical: number),
        (0..<100).map { attempt("t", "success", end: 30, map: $0) })
    }
    try await bench.ledger.finishPurge()
    return bench
  }

  @Test func aFileWithoutAnythingInItBecomesALedger() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("ledger.db", [UInt8]())
    #expect(await failure(path, .reading)?.kind == .missing)
    #expect(await failure(path, .syncing) == nil)
    #expect(await failure(path, .reading) == nil)
  }

  @Test(arguments: [1, 3]) func aFileOfWhichAPartIsLeftIsRefusedWithWhatToDo(_ part: Int) async throws {
    let bench = try await filled()
    await bench.ledger.close()
    var file = stat()
    stat(bench.path, &file)
    truncate(bench.path, file.st_size / 4 * off_t(part) / 8192 * 8192 + 100)
    unlink(bench.path + "-wal")
    let ledger = Ledger(path: bench.path, purpose: .syncing)
    let error = await #expect(throws: LedgerError.self) {
      try await ledger.register(sinks: [events])
      _ = try await ledger.status()
      _ = try await ledger.pendingItems(ofSink: 1, now: .max, limit: 100_000)
    }
    #expect(error?.kind == .corrupt)
    #expect(error?.description.contains(".recover | sqlite3") == true)
  }

  @Test func aFileWhoseBeginningIsRubbishIsRefused() async throws {
    let bench = try await filled()
    await bench.ledger.close()
    let descriptor = open(bench.path, O_WRONLY)
    _ = pwrite(descriptor, [UInt8](repeating: 0x5A, count: 8192), 8192, 0)
    close(descriptor)
    for purpose in [Ledger.Purpose.syncing, .reading, .correcting] {
      #expect(await failure(bench.path, purpose)?.kind == .corrupt, "\(purpose)")
    }
  }

  /// Nothing of a transaction that had no room is kept, and the same is kept when there is room.
  @Test func withoutRoomNothingIsKeptAndThenAllOfIt() async throws {
    let bench = try await Bench(sinks: [events])
    try await bench.apply(run("r0", "running", source: 99, logical: 99))
    try await bench.ledger.limitPages(adding: 3)
    let big = (0..<3000).map { attempt("t", "success", end: 30, map: $0) }
    let error = await #expect(throws: LedgerError.self) { try await bench.apply(run("success", end: 40), big) }
    #expect(error?.kind == .full && error?.isTransient == true)
    #expect(try bench.query("SELECT run_id FROM dag_run") == ["r0"])
    #expect(try bench.query("SELECT count(*) FROM outbox") == ["1"])
    try await bench.ledger.limitPages(adding: 1_000_000)
    try await bench.apply(run("success", end: 40), big)
    #expect(try await bench.pending().count == 6003)
  }

  /// What is written to a file that is gone would be lost without a word.
  @Test(arguments: [false, true]) func aFileThatIsGoneIsNotWrittenAnyMore(_ isReplaced: Bool) async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [events], clock: { clock.now })
    rename(bench.path, bench.path + ".away")
    if isReplaced { _ = bench.folder.file("ledger.db", [UInt8]()) }
    clock.advance(seconds: 2)
    let error = await #expect(throws: LedgerError.self) { try await bench.apply(run("running")) }
    #expect(error?.kind == .moved && error?.isTransient == false)
  }

  @Test func aFileSystemThatMayNotBeWrittenIsSaidToBeSo() async throws {
    let bench = try await filled()
    await bench.ledger.close()
    guard getuid() == 0 else {
      chmod(bench.folder.path, 0o500)
      chmod(bench.path, 0o400)
      defer { chmod(bench.folder.path, 0o700) }
      #expect(await failure(bench.path, .syncing)?.kind == .readOnly)
      #expect(await failure(bench.path, .reading) == nil)
      return
    }
    // Root may write whatever the rights are; a file system that is mounted read-only it may not.
    guard let disk = try await SmallFileSystem(megabytes: 8) else { return }
    let path = "\(disk.path)/ledger.db"
    #expect(await failure(path, .syncing) == nil)
    let output = try await Subprocess.run(["mount", "-o", "remount,ro", disk.path])
    try #require(output.status == 0, "\(output.errorText)")
    #expect(await failure(path, .syncing)?.kind == .readOnly)
    #expect(await failure(path, .reading) == nil)
  }
}

extension Ledger {
  /// Lets the file grow by so many pages only, as a disk that is nearly full.
  fileprivate func limitPages(adding pages: Int64) throws {
    try write { database in
      let count = try database.integer("PRAGMA page_count") ?? 0
      try database.execute("PRAGMA max_page_count = \(count + pages)")
    }
  }
}
