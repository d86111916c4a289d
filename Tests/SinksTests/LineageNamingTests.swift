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

  // MARK: Events that are too large

  /// The end of a run of a dbt model with much to say of it.
  private func nodeFacts(columns: Int = 40) -> (OutboxItem, EventFacts) {
    var node = DbtNode(uniqueID: "model.shop.orders")
    (node.database, node.schema, node.alias, node.relation) = ("db", "mart", "orders", "db.mart.orders")
    node.description = String(repeating: "d", count: 2000)
    node.sql = String(repeating: "s", count: 3000)
    node.tags = ["nightly"]
    node.columns = (0..<columns).map { DbtColumn(name: "column_\($0)", type: "text", description: "what it is") }
    var step = DbtStep(index: 1)
    (step.command, step.adapter) = ("build", "postgres")
    var result = DbtNodeResult(uniqueID: node.uniqueID, status: "error")
    result.message = String(repeating: "m", count: 5000)
    var run = DbtRun(key: .cloud(host: "h.example", accountID: 42, runID: 7), status: "error", isComplete: true)
    (run.account, run.accountID, run.runID, run.createdAt) = ("analytics", 42, 7, at(1))
    var facts = nothing
    facts.dbtRun = run
    facts.dbtNode = DbtNodeExecution(
      step: step, node: node, part: .run, results: [.init(result: result, node: node)], inputs: [node])
    var item = item(.dbtNode, transition: .fail)
    (item.dbtRun, item.node) = (1, OutboxItem.Node(step: 1, uniqueID: node.uniqueID, part: .run))
    return (item, facts)
  }

  private func cut(_ body: [UInt8]) throws -> [String]? {
    try JSONValue(parsing: body)["run"]?["facets"]?["airflowSyncer_cut"]?["cut"]?.arrayValue?.compactMap(\.stringValue)
  }

  @Test func aSmallEventIsTheSameWithALimitAndWithout() throws {
    let (item, facts) = nodeFacts()
    var naming = Bench.naming
    let whole = try naming.encode(item, facts)
    naming.maximumEventBytes = whole.count
    #expect(try naming.encode(item, facts) == whole)
    #expect(try cut(whole) == nil)
  }

  /// One after the other, no more than is needed, and said in the event.
  @Test func anEventIsCutInOrderUntilItFits() throws {
    let (item, facts) = nodeFacts()
    var naming = Bench.naming
    let whole = try naming.encode(item, facts)
    var seen: [[String]] = []
    for limit in stride(from: whole.count - 1, to: 2000, by: -100) {
      naming.maximumEventBytes = limit
      guard let body = try? naming.encode(item, facts) else { break }
      #expect(body.count <= limit)
      let cuts = try #require(try cut(body))
      if seen.last != cuts { seen.append(cuts) }
    }
    let order = ["sql", "documentation", "tags", "schema", "datasets", "messages"]
    #expect(seen.first == ["sql"] && seen.last == order)
    for cuts in seen { #expect(cuts == Array(order.prefix(cuts.count))) }
  }

  @Test func whatStillDoesNotFitIsToldWithItsSize() throws {
    let (item, facts) = nodeFacts()
    var naming = Bench.naming
    naming.maximumEventBytes = 2000
    do throws(LineageNaming.Impossible) {
      _ = try naming.encode(item, facts)
      Issue.record("it fits")
    } catch {
      #expect(error.isTooLarge && error.reason.hasSuffix("max_event_bytes is 2000"))
    }
  }
}
