import ExecutionModel
import Testing

@testable import DbtCloudStandIn

@Suite struct RunTimelineTests {
  private func run(_ outcome: StandInRun.Outcome, cancelledAfter: Int64? = nil) -> StandInRun {
    StandInRun(
      accountID: 1, runID: 1, outcome: outcome, createdAt: Answers.created,
      cancelledAt: cancelledAfter.map { Answers.created.advanced(bySeconds: $0) })
  }

  @Test func timesFollowFromTheCreation() throws {
    let line = RunTimeline(run(.success), folders: [try folder("1.12-postgres/07_build")], phase: .over)
    #expect(line.status == 10)
    #expect(line.startedAt == Answers.created.advanced(bySeconds: 1))
    #expect(line.finishedAt == Answers.created.advanced(bySeconds: 3))
    #expect(line.steps.map(\.index) == [1, 2, 3, 4])
    #expect(line.steps.first?.startedAt == line.startedAt)
    #expect(line.steps.last?.finishedAt == line.finishedAt)
    #expect(line.steps.map(\.status) == [10, 10, 10, 10])
    #expect(line.steps.last?.name == "Invoke dbt with `dbt build`")
  }

  @Test func theStepThatFailedIsTheOneWhoseDbtFailed() throws {
    let folders = try ["1.12-postgres/07_build", "1.12-postgres/08_docs_generate"].map(folder)
    let line = RunTimeline(run(.error), folders: folders, phase: .over)
    #expect(line.status == 20)
    #expect(line.steps.map(\.status) == [10, 10, 10, 20, 10])
    #expect(RunTimeline(run(.error), folders: [], phase: .over).steps.map(\.status) == [10, 10, 10, 20])
  }

  @Test func aCancelledRunEndsWhenItWasCancelled() throws {
    let folders = [try folder("1.12-postgres/07_build")]
    let line = RunTimeline(run(.success, cancelledAfter: 5), folders: folders, phase: .over)
    #expect(line.status == 30)
    #expect(line.finishedAt == Answers.created.advanced(bySeconds: 5))
    #expect(line.steps.last?.status == 30)
    #expect(line.steps.allSatisfy { $0.folder == nil })
    let early = RunTimeline(run(.success, cancelledAfter: 0), folders: folders, phase: .over)
    #expect(early.startedAt == nil)
    #expect(early.steps.isEmpty)
  }

  @Test func earlierPhasesShowLess() throws {
    let folders = [try folder("1.12-postgres/07_build")]
    let queued = RunTimeline(run(.success), folders: folders, phase: .queued)
    #expect(queued.status == 1 && queued.dequeuedAt == nil && queued.startedAt == nil && queued.steps.isEmpty)
    let starting = RunTimeline(run(.success), folders: folders, phase: .starting)
    #expect(starting.status == 2 && starting.dequeuedAt != nil && starting.startedAt == nil)
    let running = RunTimeline(run(.success), folders: folders, phase: .running)
    #expect(running.status == 3 && running.finishedAt == nil)
    #expect(running.steps.map(\.status) == [10, 10, 10, 3])
    #expect(running.steps.last?.finishedAt == nil)
    #expect(running.steps.allSatisfy { $0.folder == nil })
  }
}
