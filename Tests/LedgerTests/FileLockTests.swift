import TestServers
import Testing

@testable import Ledger

struct FileLockTests {
  @Test func aSecondSyncerIsRefusedUntilTheFirstIsDone() async throws {
    let bench = try await Bench()
    let second = Ledger(path: bench.path, purpose: .syncing)
    let error = await #expect(throws: LedgerError.self) { try await second.open() }
    #expect(error?.kind == .inUse)
    await bench.ledger.close()
    try await second.open()
    _ = try await second.schemaVersion()
  }

  @Test func aLockThatWasGivenBackIsFreeThoughAChildIsBeingStarted() async throws {
    let bench = try await Bench()
    let held = try HeldDescriptor(of: FileLock.path(of: bench.path))
    await bench.ledger.close()
    #expect(!FileLock.isHeld(FileLock.path(of: bench.path)))
    _ = try FileLock(ledger: bench.path)
    withExtendedLifetime(held) {}
  }

  @Test func whetherASyncerRunsIsSeenFromOutside() async throws {
    let bench = try await Bench()
    try await bench.ledger.noteStart(mode: "run", version: "1")
    let reader = Ledger(path: bench.path, purpose: .reading)
    #expect(try await reader.status().syncer?.isRunning == true)
    await bench.ledger.close()
    #expect(try await reader.status().syncer?.isRunning == false)
  }

  @Test func askingForTheStatusKeepsNobodyFromStarting() async throws {
    let bench = try await Bench()
    await bench.ledger.close()
    let path = bench.path
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for _ in 0..<20_000 { _ = FileLock.isHeld(FileLock.path(of: path)) } }
      group.addTask {
        for _ in 0..<50 { #expect(throws: Never.self) { _ = try FileLock(ledger: path) } }
      }
    }
  }
}
