import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct StepPlanTests {
  private func plan(
    _ name: String?, status: String? = "success", started: Bool = true, runIsOver: Bool = true
  ) -> StepPlan {
    var step = DbtStep(index: 1, name: name)
    step.status = status
    if started { step.startedAt = Instant(microseconds: 0) }
    return StepPlan(step: step, runIsOver: runIsOver)
  }

  private static let theCommandSaysWhichArtifactHasTheOutcomeCases: [(String?, ArtifactName?)] = [
    ("Invoke dbt with `dbt build --select models/x.sql`", ArtifactName.runResults),
    ("Invoke dbt with `dbt run`", .runResults), ("Invoke dbt with `dbt test`", .runResults),
    ("Invoke dbt with `dbt seed`", .runResults), ("Invoke dbt with `dbt snapshot`", .runResults),
    ("Invoke dbt with `dbt retry`", .runResults), ("Invoke dbt with `dbt clone`", .runResults),
    ("Invoke dbt with `dbt run-operation x`", .runResults), ("Invoke dbt with `dbt hologram`", .runResults),
    ("Invoke dbt with something", .runResults), (nil, .runResults),
    ("Invoke dbt with `dbt source freshness`", .sources), ("Source freshness", .sources),
    ("Invoke dbt with `dbt docs generate`", nil), ("Generate docs", nil), ("Invoke dbt with `dbt compile`", nil),
    ("Invoke dbt with `dbt list`", nil), ("Invoke dbt with `dbt ls`", nil), ("Invoke dbt with `dbt parse`", nil),
    ("Invoke dbt with `dbt deps`", nil), ("Invoke dbt with `dbt clean`", nil), ("Clone git repository", nil),
    ("Create profile from connection Postgres", nil),
  ]
  @Test(arguments: theCommandSaysWhichArtifactHasTheOutcomeCases)
  func theCommandSaysWhichArtifactHasTheOutcome(_ name: String?, _ expected: ArtifactName?) {
    #expect(plan(name).first == expected)
    #expect(!plan(name).isOpen)
  }

  @Test(arguments: ["queued", "starting", "running"])
  func aStepUnderWayIsLookedAtLater(_ status: String) {
    let plan = plan("Invoke dbt with `dbt build`", status: status, runIsOver: false)
    #expect(plan.isOpen)
    #expect(plan.first == nil)
  }

  @Test func aStepThatNeverStartedHasNothing() {
    let plan = plan("Invoke dbt with `dbt build`", status: "cancelled", started: false)
    #expect(!plan.isOpen)
    #expect(plan.first == nil)
  }

  @Test(arguments: ["error", "cancelled", "running", "40"])
  func aStepThatEndedBadlyMayHaveResults(_ status: String) {
    #expect(plan("Invoke dbt with `dbt build`", status: status).first == .runResults)
  }

  @Test func theStepIsMarkedWithWhatIsToCome() {
    var step = DbtStep(index: 4, name: "Invoke dbt with `dbt build`")
    step.status = "success"
    StepPlan(step: step, runIsOver: true).begin(&step)
    #expect(step.command == "build")
    #expect(
      [step.runResults, step.manifest, step.sources, step.catalog]
        == [.pending, .pending, .notApplicable, .notApplicable])

    step = DbtStep(index: 5, name: "Invoke dbt with `dbt source freshness`")
    step.status = "error"
    StepPlan(step: step, runIsOver: true).begin(&step)
    #expect(step.command == "freshness")
    #expect([step.runResults, step.manifest, step.sources] == [.notApplicable, .notApplicable, .pending])

    step = DbtStep(index: 1, name: "Clone git repository")
    step.status = "success"
    StepPlan(step: step, runIsOver: true).begin(&step)
    #expect(step.command == nil)
    #expect([step.runResults, step.manifest, step.sources] == [.notApplicable, .notApplicable, .notApplicable])

    step = DbtStep(index: 4, name: "Invoke dbt with `dbt source freshness`")
    step.status = "running"
    StepPlan(step: step, runIsOver: false).begin(&step)
    #expect([step.runResults, step.manifest, step.sources] == [.notApplicable, .notApplicable, .pending])
  }
}
