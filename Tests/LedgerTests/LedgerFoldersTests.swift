import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerFoldersTests {
  @Test func looksAddUpAndTroubleHasABeginning() async throws {
    let clock = TestClock()
    let bench = try await Bench(sinks: [], clock: { clock.now })
    #expect(try await bench.ledger.status().folders.isEmpty)
    func look(_ runs: Int, _ error: String? = nil) async throws -> LedgerStatus.Folder {
      clock.advance(seconds: 60)
      try await bench.ledger.note(folder: "nightly", path: "/target", runs: runs, error: error)
      return try #require(try await bench.ledger.status().folders.first)
    }
    var folder = try await look(2)
    let recordedAt = Instant(microseconds: clock.now)
    #expect(folder.runs == 2 && folder.recordedAt == recordedAt && folder.error == nil)
    folder = try await look(0, "damaged")
    let since = Instant(microseconds: clock.now)
    #expect(folder.runs == 2 && folder.recordedAt == recordedAt && folder.errorSince == since)
    folder = try await look(0, "gone")
    #expect(folder.error == "gone" && folder.errorSince == since && folder.lookedAt > since)
    folder = try await look(1)
    #expect(folder.runs == 3 && folder.error == nil && folder.errorSince == nil && folder.recordedAt == folder.lookedAt)
  }
}
