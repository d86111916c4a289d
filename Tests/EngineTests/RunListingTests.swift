import DbtCloudStandIn
import ExecutionModel
import Ledger
import Platform
import Synchronization
import TestServers
import Testing

@testable import Engine

/// All runs of an account, listed from a stand-in over real sockets.
@Suite struct RunListingTests {
  private static func isList(_ request: StandInRequest) -> Bool { request.path.hasSuffix("/runs/") }

  @Test func allRunsOfTheAccountBecomeRecords() async throws {
    let lab = try DbtLab()
    lab.add(1...250)
    let output = try await lab.run(["sync"])
    try #require(output.status == 0, "\(output.text)\(output.errorText)")
    let records = try await lab.records()
    #expect(records.count == 250)
    #expect(records.values.allSatisfy { $0["kind"]?.stringValue == "dbt_run" })
    #expect(lab.archived.count == 250)
    // Each run, each artifact and each page once.
    let artifacts = lab.standIn.requests.filter { $0.path.contains("/artifacts/") }
    #expect(artifacts.count == 250 * 3)
    #expect(Set(artifacts.map { "\($0.path) \($0.parameter("step") ?? "")" }).count == artifacts.count)

    lab.standIn.forgetRequests()
    lab.add(251...252, created: DbtLab.created.advanced(bySeconds: 1000))
    _ = try await lab.run(["sync"])
    #expect(try await lab.records().count == 252)
    #expect(lab.standIn.requests.count { Self.isList($0) } == 1)
    lab.standIn.forgetRequests()
    _ = try await lab.run(["sync"])
    #expect(lab.standIn.requests.count == 1 && lab.archived.count == 252)
  }

  @Test func historyIsListedFromTheNewestOnAndNoFurtherThanWanted() async throws {
    let lab = try DbtLab(["runs: all", "backfill: 30d"])
    let now = Instant(microseconds: wallClockMicroseconds())
    for day in 1...60 as ClosedRange<Int64> {
      lab.standIn.add(
        StandInRun(accountID: 1001, runID: 1000 - day, createdAt: now.advanced(bySeconds: -day * 86_400 + 60)))
    }
    _ = try await lab.run(["sync"])
    #expect(try await lab.records().count == 30)
  }

  @Test func withoutBackfillOnlyWhatComesIsRecorded() async throws {
    let lab = try DbtLab(["runs: all", "backfill: none"])
    lab.add(1...5)
    _ = try await lab.run(["sync"])
    #expect(try await lab.records().isEmpty)
    lab.add([9])
    _ = try await lab.run(["sync"])
    #expect(try await Array(lab.records().keys) == ["cloud/127.0.0.1/1001/9"])
  }

  @Test func onlyRunsOfTheJobsThatAreNamed() async throws {
    let lab = try DbtLab(["runs: all", "backfill: all", "jobs: [7]"])
    lab.add(1...3)
    lab.standIn.add(StandInRun(accountID: 1001, jobID: 7, runID: 4, createdAt: DbtLab.created))
    _ = try await lab.run(["sync"])
    #expect(try await Array(lab.records().keys) == ["cloud/127.0.0.1/1001/4"])
  }

  /// Whatever is added or deleted while history is listed, and wherever listing is killed: no run is left out.
  @Test(arguments: 1...6)
  func noRunFallsBetweenTwoPages(seed: UInt64) async throws {
    var random = SeededGenerator(seed)
    let lab = try DbtLab()
    lab.add(1...450)
    let (enrichment, ledger) = try await lab.parts()
    let client = await enrichment.client
    let configuration = try lab.configuration().dbtCloud[0]
    let standIn = lab.standIn
    var kept = Set<Int64>(1...450)
    var nextID: Int64 = 1000
    func listing() -> RunListing {
      RunListing(
        account: configuration.directoryEntry, ledger: ledger, filter: configuration.filter,
        backfill: configuration.backfill, clock: { wallClockMicroseconds() },
        source: RunListing.Source(
          after: { try await client.runs(after: $0) }, newest: { try await client.newestRuns(offset: $0, limit: $1) }))
    }
    var one = listing()
    _ = try await one.listNew(isWanted: true)
    for _ in 0..<200 {
      let step = try await one.listHistory()
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        for _ in 0..<Int.random(in: 1...120, using: &random) {
          nextID += 1
          standIn.add(StandInRun(accountID: 1001, runID: nextID, createdAt: DbtLab.created))
          kept.insert(nextID)
        }
      case 1:
        for _ in 0..<Int.random(in: 1...60, using: &random) {
          guard let id = kept.filter({ $0 <= 450 }).randomElement(using: &random) else { break }
          standIn.remove(account: 1001, run: id)
          kept.remove(id)
        }
      case 2: one = listing()
      default: break
      }
      if !step.hasMore { break }
    }
    _ = try await one.listNew(isWanted: true)
    #expect(try await ledger.listedRuns(of: configuration.directoryEntry).isBackfillDone)
    var due: Set<Int64> = []
    var last: Int64 = 0
    while true {
      let page = try await ledger.dueDbtRuns(of: "analytics", now: .max, after: last, limit: 1000)
      guard let highest = page.last?.id else { break }
      last = highest
      due.formUnion(page.map(\.runID))
    }
    #expect(kept.subtracting(due) == [], "seed \(seed)")
  }
}
