import ExecutionModel
import JSONText
import OpenLineage
import Testing

@Suite struct RunReferenceTests {
  private let parentID = "11111111-1111-7111-8111-111111111111"
  private let rootID = "22222222-2222-7222-8222-222222222222"

  private func run(_ openlineage: String) -> DagRun {
    var run = Target.run
    run.conf = RawJSON("{\"openlineage\":\(openlineage)}")
    return run
  }
  private var parent: String { #""parentRunId":"\#(parentID)","parentJobNamespace":"up","parentJobName":"job""# }
  private var root: String {
    #""rootParentRunId":"\#(rootID)","rootParentJobNamespace":"top","rootParentJobName":"all""#
  }

  private func facet(of bytes: [UInt8]) throws -> (run: String?, root: String?) {
    let facet = try parsed(bytes).at("run.facets.parent")
    return (facet?.at("run.runId")?.stringValue, facet?.at("root.run.runId")?.stringValue)
  }

  @Test func aDagRunHasAParentOnlyWhenItsConfNamesOne() throws {
    #expect(try facet(of: Target.dagRunEvent(.start)) == (nil, nil))
    #expect(try facet(of: Target.dagRunEvent(.start, run: run("{\(parent)}"))) == (parentID, parentID))
    #expect(try facet(of: Target.dagRunEvent(.complete, run: run("{\(parent),\(root)}"))) == (parentID, rootID))
    #expect(try facet(of: Target.dagRunEvent(.start, run: run("{\(root)}"))) == (nil, nil))
  }

  @Test func theRootOfAnAttemptIsWhatTheConfNamesElseTheDagRun() throws {
    let own = try RunID.dagRun(Target.run, clearNumber: 0, namespace: "prod-airflow", scheme: .since2).text
    #expect(try facet(of: Target.attemptEvent(.start)) == (own, own))
    #expect(try facet(of: Target.attemptEvent(.start, run: run("{\(parent)}"))) == (own, parentID))
    #expect(try facet(of: Target.attemptEvent(.start, run: run("{\(parent),\(root)}"))) == (own, rootID))
    let attempt = try RunID.attempt(Target.attempt.key, of: Target.run, namespace: "prod-airflow", scheme: .since2).text
    #expect(try facet(of: Target.dbtRunEvent(.start, run: run("{\(parent),\(root)}"))) == (attempt, rootID))
  }

  @Test(arguments: [
    #"{"parentRunId":"not-a-uuid","parentJobNamespace":"up","parentJobName":"job"}"#,
    #"{"parentRunId":"11111111-1111-7111-8111-111111111111","parentJobNamespace":"up"}"#,
    #"{"parentRunId":"11111111-1111-7111-8111-111111111111","parentJobNamespace":"","parentJobName":"job"}"#,
    #"{"parentRunId":5,"parentJobNamespace":"up","parentJobName":"job"}"#, "[]", "null", "\"x\"", "{broken",
  ]) func anIncompleteParentIsNone(_ openlineage: String) throws {
    #expect(try facet(of: Target.dagRunEvent(.start, run: run(openlineage))) == (nil, nil))
  }
}
