import ExecutionModel
import Glibc
import SQLite
import TestServers
import Testing

@testable import Ledger

@Suite struct LedgerCompactionTests {
  private func size(_ path: String) -> Int64 {
    var file = stat()
    return stat(path, &file) == 0 ? Int64(file.st_size) : -1
  }

  private func fill(_ bench: Bench, runs: Int = 40) async throws {
    for number in 1...runs {
      let id = Int64(number)
      try await bench.apply(
        run("r\(number)", "success", source: id, end: 40, logical: number),
        (0..<1000).map { attempt("task_with_a_long_name", "success", end: 30, map: $0) })
    }
  }

  private func erase(_ bench: Bench) async throws {
    var cursor: RetentionCursor? = RetentionCursor()
    while let next = cursor {
      cursor = try await bench.ledger.deleteHistory(before: at(1000), from: next).next
    }
  }

  @Test func aFileGivesBackWhatItDoesNotNeed() async throws {
    let bench = try await Bench(sinks: [])
    try await fill(bench, runs: 80)
    try await bench.ledger.finishPurge()
    let before = size(bench.path)
    try await erase(bench)
    while try await bench.ledger.shrink() {}
    try await bench.ledger.finishPurge()
    #expect(before > 6_000_000)
    #expect(size(bench.path) < 5_500_000, "\(before) → \(size(bench.path))")
    #expect(try bench.query("SELECT count(*) FROM attempt") == ["0"])
  }

  @Test func aFileThatWasMadeWithoutTheMeansIsWrittenAnewOnce() async throws {
    let bench = try await Bench(sinks: [])
    try await fill(bench)
    await bench.ledger.close()
    do {
      let database = try SQLiteDatabase(path: bench.path, mode: .readWrite)
      try database.execute("PRAGMA auto_vacuum = NONE; VACUUM")
      #expect(try database.integer("PRAGMA auto_vacuum") == 0)
    }
    try await erase(bench)
    #expect(try await bench.ledger.shrink() == false)
    guard case .done(let before, let after) = try await bench.ledger.compact() else {
      Issue.record("it was not written anew")
      return
    }
    #expect(after < before / 5)
    #expect(try await bench.ledger.compact() == .notNeeded)
    #expect(size(bench.path) == after)
    #expect(try await bench.ledger.integrity(seconds: 60) == ([], true))
  }

  @Test func damageIsFoundAndALookCanBeCutShort() async throws {
    let bench = try await Bench(sinks: [])
    try await fill(bench)
    try await bench.ledger.finishPurge()
    await bench.ledger.close()
    let descriptor = open(bench.path, O_WRONLY)
    // Pages in the middle of the table of attempts.
    let rubbish = [UInt8](repeating: 0xA5, count: 8192)
    for page in 100..<110 { #expect(pwrite(descriptor, rubbish, rubbish.count, off_t(page * 8192)) == rubbish.count) }
    close(descriptor)
    let reader = Ledger(path: bench.path, purpose: .reading)
    #expect(try await reader.integrity(seconds: 60).faults.isEmpty == false)
    #expect(try await reader.integrity(seconds: 0).isWhole == false)
  }
}
