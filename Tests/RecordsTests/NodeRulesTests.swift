import ExecutionModel
import Records
import Testing

struct NodeRulesTests {
  private func second(_ number: Int) -> Instant { Instant(microseconds: Int64(number) * 1_000_000) }

  private func outcome(
    _ id: String, _ status: String, on attached: String? = nil, failures: Int64? = nil, severity: String? = nil,
    _ start: Int? = 1, _ end: Int? = 2
  ) -> NodeRules.Outcome {
    var outcome = NodeRules.Outcome(uniqueID: id, status: status)
    (outcome.attachedNode, outcome.failures, outcome.severity) = (attached, failures, severity)
    (outcome.startedAt, outcome.completedAt) = (start.map { second($0) }, end.map { second($0) })
    return outcome
  }

  private var times: NodeRules.StepTimes { NodeRules.StepTimes(startedAt: second(0), finishedAt: second(9)) }

  private func ends(_ outcomes: [NodeRules.Outcome], command: String? = "build") -> [String] {
    NodeRules.told(of: outcomes, command: command, times).map {
      "\($0.uniqueID) \($0.part.rawValue) \($0.transition.rawValue)"
    }
  }

  @Test(
    arguments: [
      ("success", ExecutionEvent.Transition?.some(.complete)), ("error", .fail), ("fail", .fail),
      ("runtime error", .fail), ("skipped", nil), ("no-op", nil), ("reused", nil), ("partial success", .fail),
      ("some new word", .abort), ("Success", .complete), ("failed", .fail), ("skip", nil),
    ])
  func aModelEndsAsItsStatusSays(_ status: String, _ end: ExecutionEvent.Transition?) {
    for kind in ["model", "seed", "snapshot"] {
      #expect(ends([outcome("\(kind).p.a", status)]) == (end.map { ["\(kind).p.a run \($0.rawValue)"] } ?? []))
    }
  }

  @Test func aPartialSuccessWithoutAFailedBatchIsASuccess() {
    var partial = outcome("model.p.a", "partial success")
    partial.failedBatches = 0
    #expect(ends([partial]) == ["model.p.a run COMPLETE"])
    partial.failedBatches = 1
    #expect(ends([partial]) == ["model.p.a run FAIL"])
  }

  @Test func theTestsOfANodeAreOneRun() {
    let node = "model.p.a"
    func group(_ tests: (String, String?)...) -> [String] {
      ends(tests.enumerated().map { outcome("test.p.\($0)", $1.0, on: node, failures: 3, severity: $1.1) })
    }
    #expect(group(("pass", nil), ("pass", nil)) == ["model.p.a tests COMPLETE"])
    #expect(group(("pass", nil), ("fail", "error")) == ["model.p.a tests FAIL"])
    #expect(group(("pass", nil), ("error", "warn")) == ["model.p.a tests FAIL"])
    #expect(group(("warn", "error"), ("pass", nil)) == ["model.p.a tests COMPLETE"])
    #expect(group(("skipped", nil), ("pass", nil)) == ["model.p.a tests COMPLETE"])
    #expect(group(("skipped", nil), ("skipped", nil)).isEmpty)
    #expect(group(("some new word", nil), ("pass", nil)) == ["model.p.a tests ABORT"])
    #expect(group(("some new word", nil), ("fail", nil)) == ["model.p.a tests FAIL"])
  }

  @Test func aTestThatIsAttachedToNothingIsARunOfItsOwn() {
    #expect(
      ends([
        outcome("test.p.single", "warn"), outcome("unit_test.p.a.u", "fail"), outcome("unit_test.p.a.v", "skipped"),
      ])
        == ["test.p.single run COMPLETE", "unit_test.p.a.u run FAIL"])
  }

  @Test func whatIsNoRelationAndNoTestIsNotTold() {
    #expect(ends([outcome("exposure.p.e", "success"), outcome("operation.p.o", "success")]).isEmpty)
  }

  @Test(arguments: ["generate", "compile", "list", "parse", "run-operation", "freshness", "show"])
  func aCommandThatBuildsNothingTellsNothing(_ command: String) {
    #expect(ends([outcome("model.p.a", "success")], command: command).isEmpty)
  }

  @Test func timesComeFromTheArtifactsThenFromTheStep() {
    func period(_ outcomes: NodeRules.Outcome...) -> [Int64?] {
      let told = NodeRules.told(of: outcomes, command: "build", times).first
      return [told?.start, told?.end].map { $0.map { $0.microseconds / 1_000_000 } }
    }
    #expect(period(outcome("model.p.a", "success", 3, 5)) == [3, 5])
    #expect(period(outcome("model.p.a", "success", nil, nil)) == [9, 9])
    #expect(period(outcome("model.p.a", "success", 3, nil)) == [3, 3])
    #expect(period(outcome("model.p.a", "success", 5, 3)) == [5, 5])
    #expect(
      period(
        outcome("test.p.a", "pass", on: "model.p.a", 4, 5), outcome("test.p.b", "pass", on: "model.p.a", nil, nil),
        outcome("test.p.c", "pass", on: "model.p.a", 2, 8)) == [2, 8])
    let bare = NodeRules.StepTimes(startedAt: nil, finishedAt: nil)
    #expect(NodeRules.told(of: [outcome("model.p.a", "success", nil, nil)], command: "run", bare).isEmpty)
  }
}
