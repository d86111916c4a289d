import ExecutionModel
import JSONText
import Testing

@testable import Ledger
@testable import Sinks

struct LineageNamingTests {
  private func item(
    _ kind: OutboxItem.Kind, transition: ExecutionEvent.Transition? = .start, time: Instant? = at(0)
  ) -> OutboxItem {
    OutboxItem(
      id: 1, kind: kind, dagRun: 1, dbtRun: nil, attempt: nil, clearNumber: 0, transition: transition,
      eventTime: time, tries: 0, body: nil)
  }

  private let nothing = EventFacts(
    run: nil, dag: nil, attempt: nil, dbtRun: nil, triggered: [], currentAttempts: [])

  private func facts(_ instance: String = Bench.instance) -> EventFacts {
    let snapshot = Bench.snapshot("daily", state: "success", tasks: 1)
    var facts = nothing
    facts.run = snapshot.run
    facts.run?.key.instance = instance
    facts.attempt = snapshot.attempts.first
    return facts
  }

  private func reason(_ item: OutboxItem, _ facts: EventFacts) -> String? {
    do throws(LineageNaming.Impossible) {
      _ = try Bench.naming.encode(item, facts)
      return nil
    } catch { return error.description }
  }

  @Test(arguments: [OutboxItem.Kind.dagRun, .attempt, .dbtRun])
  func anEventWhoseRowsAreGoneSaysSo(_ kind: OutboxItem.Kind) {
    #expect(reason(item(kind), nothing) == "the ledger no longer has what this event is about")
  }

  @Test func anItemWithoutTransitionOrTimeNamesNoEvent() {
    #expect(reason(item(.dagRun, transition: nil), facts()) == "the item names no event")
    #expect(reason(item(.dagRun, time: nil), facts()) == "the item names no event")
    #expect(reason(item(.record), facts()) == "a record is no event")
  }

  @Test func anInstanceThatLostItsNamespaceIsNamed() {
    #expect(
      reason(item(.attempt), facts("gone"))
        == "Airflow instance `gone` has no `namespace` in the configuration any more")
  }

  @Test func dbtRunsBearTheNamespaceOfTheirAccount() throws {
    var run = DbtRun(key: .cloud(host: "h.example", accountID: 42, runID: 7), status: "success", isComplete: true)
    run.createdAt = at(1)
    run.startedAt = at(2)
    var facts = nothing
    func namespace() throws -> String? {
      facts.dbtRun = run
      let bytes = try Bench.naming.encode(item(.dbtRun), facts)
      return try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))["job"]?["namespace"]?.stringValue
    }
    run.account = "analytics"
    #expect(try namespace() == "shop")
    run.account = "unnamed"
    #expect(try namespace() == "unnamed")
    run.account = nil
    #expect(try namespace() == "dbt-cloud")
  }
}
