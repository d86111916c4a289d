import DbtCloudStandIn
import ExecutionModel
import Ledger
import Platform
import Synchronization
import TestServers
import Testing

@testable import Engine

/// What an account is asked, from a stand-in over real sockets.
@Suite struct EnrichmentTests {
  /// A clock that a test moves.
  private final class Clock: Sendable {
    private let microseconds = Mutex(wallClockMicroseconds())
    @Sendable func now() -> Int64 { microseconds.withLock { $0 } }
    func advance(_ seconds: Int64) { microseconds.withLock { $0 += seconds * 1_000_000 } }
  }

  private static func isList(_ request: StandInRequest) -> Bool { request.parameter("status__in") != nil }
  private static func isRun(_ request: StandInRequest) -> Bool {
    request.path.contains("/runs/") && !request.path.hasSuffix("/runs/") && !request.path.contains("artifacts")
  }

  @Test func manyRunsUnderWayCostOneCall() async throws {
    let clock = Clock()
    let lab = try DbtLab(["runs: all", "backfill: all"])
    lab.standIn.setProgress(.polls(3))
    lab.add(1...20)
    let (enrichment, ledger) = try await lab.parts(clock: clock.now)
    _ = try await enrichment.round()
    #expect(lab.standIn.requests.count { Self.isRun($0) } == 20)
    lab.standIn.forgetRequests()
    clock.advance(60)
    _ = try await enrichment.round()
    #expect(lab.standIn.requests.count { Self.isList($0) } == 1)
    #expect(lab.standIn.requests.allSatisfy { !Self.isRun($0) })
    // Those that have gone on are asked for.
    lab.standIn.setProgress(.over)
    clock.advance(60)
    for _ in 0..<3 { _ = try await enrichment.round() }
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 20)
    await ledger.close()
  }

  @Test func whereTheListIsRefusedEachRunIsAskedFor() async throws {
    let clock = Clock()
    let lab = try DbtLab { standIn, request in
      guard Self.isList(request) else { return standIn.answer(request) }
      var all = request
      all.query.removeAll { $0.0 == "status__in" }
      return standIn.answer(all)
    }
    lab.add(1...5)
    lab.standIn.setProgress(.polls(3))
    let (enrichment, ledger) = try await lab.parts(clock: clock.now)
    lab.standIn.add(StandInRun(accountID: 1001, runID: 100, createdAt: DbtLab.created))
    for round in 0..<6 {
      // From now on the list has runs that are over, which nobody asked for.
      if round == 3 { lab.standIn.setProgress(.over) }
      _ = try await enrichment.round()
      clock.advance(60)
    }
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 6)
    await ledger.close()
  }

  @Test func runsThatAreWantedNowComeBeforeThoseOfHistory() async throws {
    let lab = try DbtLab(rate: 10)
    lab.add(1...30)
    let (enrichment, ledger) = try await lab.parts()
    let account = enrichment.account
    try await ledger.keepWanted(
      (1...30).map { id in
        DbtRun(key: .cloud(host: account.host, accountID: 1001, runID: id), status: "success")
      }, of: account, isHistory: true)
    let due = try await ledger.dueDbtRuns(of: "analytics", now: .max, backlog: false, limit: 10)
    #expect(due.isEmpty)
    try await ledger.keepWanted(
      [DbtRun(key: .cloud(host: account.host, accountID: 1001, runID: 31), status: "success")], of: account,
      isHistory: false)
    lab.add([31])
    lab.standIn.forgetRequests()
    _ = try await enrichment.round()
    let first = lab.standIn.requests.first { Self.isRun($0) }
    #expect(first?.path.hasSuffix("/31/") == true)
    await ledger.close()
  }

  @Test(arguments: [true, false]) func eachRunOfALongHistoryIsReadOnce(everything: Bool) async throws {
    let lab = try DbtLab()
    lab.add(1...150)
    let (enrichment, ledger) = try await lab.parts()
    var completed = 0
    for _ in 0..<20 {
      let outcome = try await enrichment.round(everything: everything)
      #expect(outcome.failed == 0)
      completed += outcome.completed
      if !outcome.hasMore { break }
    }
    #expect(completed == 150)
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 150)
    // A run is asked for before and after its artifacts.
    #expect(lab.standIn.requests.count { Self.isRun($0) } == 300)
    #expect(Set(lab.standIn.requests.filter { Self.isRun($0) }.map(\.path)).count == 150)
    await ledger.close()
  }

  @Test func runsThatFailHoldUpNoOthers() async throws {
    let lab = try DbtLab { standIn, request in
      var answer = standIn.answer(request)
      if request.path.contains("/runs/7/") || request.path.contains("/runs/70/") { answer.status = 500 }
      return answer
    }
    lab.add(1...80)
    let (enrichment, ledger) = try await lab.parts()
    let outcome = try await enrichment.round(everything: true)
    #expect(outcome.completed == 78 && outcome.failed == 2 && outcome.outage == nil)
    #expect(try await ledger.wantedRuns(of: "analytics").complete == 78)
    // Tried again later, each after its own time.
    let due = try await ledger.dueDbtRuns(of: "analytics", now: .max, limit: 10)
    #expect(due.map(\.runID).sorted() == [7, 70] && due.allSatisfy { $0.failures == 1 })
    await ledger.close()
  }
}
