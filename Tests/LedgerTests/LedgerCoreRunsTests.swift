import ExecutionModel
import TestServers
import Testing

@testable import Ledger

@Suite(.eachDriver) struct LedgerCoreRunsTests {
  private func run(_ manifest: ArtifactState, _ id: String = "a") -> DbtRun {
    var step = DbtStep(index: 1)
    step.runResults = .fetched
    step.manifest = manifest
    return DbtRun(key: .core(name: "nightly", invocationID: id), status: "success", isComplete: true, steps: [step])
  }

  @Test(arguments: [
    // What is kept, what is known now, whether it has to be kept.
    (ArtifactState.fetched, ArtifactState.fetched, true), (.fetched, .missing, true), (.missing, .missing, true),
    (.missing, .fetched, false), (.invalid, .fetched, false), (.invalid, .missing, true),
    (.notApplicable, .notApplicable, true), (.notApplicable, .fetched, true),
  ])
  func aRunIsKeptAnewWhenItsManifestIsThere(kept: ArtifactState, found: ArtifactState, isComplete: Bool) async throws {
    let folder = try TemporaryFolder()
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing)
    try await ledger.open()
    #expect(try await !ledger.isComplete(core: run(found)))
    try await ledger.keepComplete(core: run(kept))
    #expect(try await ledger.isComplete(core: run(found)) == isComplete)
    #expect(try await !ledger.isComplete(core: run(found, "b")))
    await ledger.close()
  }
}
