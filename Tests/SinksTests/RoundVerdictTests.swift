import ExecutionModel
import Testing

@testable import Ledger
@testable import Sinks

struct RoundVerdictTests {
  private static let now: Int64 = 1_000_000_000_000

  private func tried(_ id: Int64, _ outcome: DeliveryOutcome, tries: Int = 0) -> TriedItem {
    TriedItem(
      item: OutboxItem(
        id: id, kind: .dagRun, dagRun: id, dbtRun: nil, attempt: nil, clearNumber: 0, transition: .start,
        eventTime: at(0), tries: tries, body: nil), outcome: outcome)
  }

  private func verdict(_ tried: [TriedItem], failures: Int = 0, hasToken: Bool = true, random: Double = 0)
    -> RoundVerdict
  {
    RoundVerdict(
      tried, of: .init(sink: "lineage", url: "https://b.example/x", hasToken: hasToken), failures: failures,
      now: Self.now, random: { random })
  }

  private func seconds(_ time: Int64?) -> Double? { time.map { Double($0 - Self.now) / 1e6 } }

  @Test func whatIsTakenEndsAnOutage() {
    let verdict = verdict([tried(1, .delivered)], failures: 7)
    #expect(verdict.report.delivered == [1])
    #expect(verdict.report.outage == .some(nil))
  }

  @Test func anItemRefusedForGoodShowsThatTheBackendIsThere() {
    let verdict = verdict([tried(1, .parked(reason: "HTTP 400", status: 400, answer: "no"))], failures: 7)
    #expect(verdict.report.parked == [.init(id: 1, reason: "HTTP 400", status: 400, answer: "no")])
    #expect(verdict.report.outage == .some(nil))
    #expect(verdict.outage == nil)
  }

  @Test func nothingTriedSaysNothingAboutTheBackend() { #expect(verdict([]).report.outage == nil) }

  @Test func aFaultAmongSuccessesIsTheItemsOwn() {
    let verdict = verdict([tried(1, .delivered), tried(2, .retry(after: nil, reason: "HTTP 500"), tries: 3)])
    #expect(verdict.outage == nil)
    #expect(verdict.report.outage == .some(nil))
    #expect(verdict.report.retried.map(\.id) == [2])
    #expect(seconds(verdict.report.retried.first?.notBefore) == 4)
  }

  @Test func faultsOnlyAreAnOutageAndEachItemStillWaitsForItself() {
    let verdict = verdict(
      [tried(1, .retry(after: nil, reason: "HTTP 500"), tries: 20), tried(2, .retry(after: 9, reason: "HTTP 502"))],
      failures: 2)
    #expect(verdict.outage?.detail == "https://b.example/x: HTTP 500")
    #expect(seconds(verdict.outage?.retryAt) == 2)
    #expect(verdict.report.retried.map { seconds($0.notBefore) } == [150, 9])
  }

  @Test func aWishForSilenceHoldsEverythingBackThatLong() {
    let verdict = verdict([tried(1, .delivered), tried(2, .silence(after: 90, reason: "HTTP 429"))])
    #expect(seconds(verdict.outage?.retryAt) == 90)
    #expect(verdict.report.delivered == [1])
  }

  @Test(arguments: [3601, 1e9, 1e26, .infinity])
  func noSilenceIsLongerThanAnHour(_ wish: Double) {
    let verdict = verdict([
      tried(1, .silence(after: wish, reason: "r")), tried(2, .retry(after: wish, reason: "r")),
    ])
    #expect(seconds(verdict.outage?.retryAt) == 3600)
    #expect(verdict.report.retried.map { seconds($0.notBefore) } == [3600, 3600])
  }

  @Test func waitsOfABackendGrowToAMinuteAndOfAnItemToFive() {
    let waits = (0..<12).map {
      seconds(
        verdict([tried(1, .retry(after: nil, reason: "r"), tries: $0)], failures: $0, random: 0.5).outage?.retryAt)
    }
    #expect(waits == [0.75, 1.5, 3, 6, 12, 24, 45, 45, 45, 45, 45, 45])
    let ofItem = (0..<12).map {
      seconds(
        verdict([tried(1, .retry(after: nil, reason: "r"), tries: $0)], random: 0.5).report.retried.first?.notBefore)
    }
    #expect(ofItem == [0.75, 1.5, 3, 6, 12, 24, 48, 96, 192, 225, 225, 225])
  }

  @Test(arguments: [401, 403]) func whatARefusedTokenKeptFromBeingTakenIsTriedAgain(_ status: Int) {
    let refused = DeliveryOutcome.tokenRefused(status: status, answer: "who?")
    let verdict = verdict([
      tried(1, .unanswered(cause: "http-connect", detail: "d", mayBeItsOwn: false)), tried(2, refused),
      tried(3, refused, tries: 9), tried(4, .silence(after: nil, reason: "HTTP 429")),
    ])
    #expect(verdict.report.parked.isEmpty)
    #expect(verdict.report.retried.map(\.id) == [2, 3, 4])
    #expect(verdict.outage?.cause == "token-refused")
    #expect(verdict.outage?.detail.contains("`sinks[].token_file` of `lineage`") == true)
    #expect(verdict.outage?.detail.hasSuffix("It says: who?") == true)
  }

  @Test func anEventThatIsForbiddenAgainAndAgainWhileOthersAreTakenIsParked() {
    func verdictOf(_ status: Int, tries: Int) -> RoundVerdict {
      verdict([tried(1, .tokenRefused(status: status, answer: "a firewall"), tries: tries), tried(2, .delivered)])
    }
    let parked = verdictOf(403, tries: RoundVerdict.triesOfForbidden)
    #expect(parked.report.parked == [.init(id: 1, reason: "HTTP 403", status: 403, answer: "a firewall")])
    #expect(parked.outage == nil)
    // A token may have been revoked in between.
    let early = verdictOf(403, tries: RoundVerdict.triesOfForbidden - 1)
    #expect(early.report.parked.isEmpty && early.outage?.cause == "token-refused")
    #expect(verdictOf(401, tries: 9).report.parked.isEmpty)
  }

  @Test func aMissingTokenIsCalledMissing() {
    let verdict = verdict([tried(1, .tokenRefused(status: 401, answer: ""))], hasToken: false)
    #expect(
      verdict.outage?.detail == "https://b.example/x wants a token (HTTP 401): set `sinks[].token_file` of `lineage`")
  }

  @Test func whatWasNeverSentIsTriedAgainFirst() {
    let verdict = verdict([
      tried(1, .unanswered(cause: "http-connect", detail: "refused", mayBeItsOwn: false)),
      tried(2, .unanswered(cause: "http-timeout", detail: "late", mayBeItsOwn: true)),
    ])
    #expect(verdict.report.retried.map(\.id) == [2])
    #expect(verdict.outage?.cause == "http-connect")
  }
}
