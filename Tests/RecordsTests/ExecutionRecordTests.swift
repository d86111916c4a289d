import ExecutionModel
import Records
import Testing

@Suite struct ExecutionRecordTests {
  @Test func theKeyOfADagRunIsItsInstanceDagAndRun() {
    let key = DagRunKey(instance: "prod", dagID: "a.b", runID: "manual__x/y z")
    let header = RecordHeader(run: DagRun(key: key, sourceID: 1), airflowVersion: "3.3", revision: 1)
    #expect(header.key == "prod/a.b/manual__x/y z")
    #expect(header.instance == "prod" && header.kind == .dagRun && header.ui == nil)
  }

  @Test func attemptsAreInOrderOfStartThenKey() {
    func attempt(_ task: String, _ number: Int, _ start: Double?) -> TaskAttempt {
      var attempt = TaskAttempt(key: AttemptKey(taskID: task, mapIndex: -1, tryNumber: number), isCurrent: true)
      attempt.startDate = start.map(at)
      return attempt
    }
    let order = [attempt("c", 1, 1), attempt("a", 1, 2), attempt("a", 2, 2), attempt("b", 1, 2), attempt("a", 0, nil)]
    #expect(order.reversed().sorted(by: TaskAttempt.inRecordOrder) == order)
  }

  @Test func dbtRunsAreInOrderOfCreationThenKey() {
    func run(_ id: Int64, _ created: Double?) -> DbtRun {
      var run = DbtRun(key: .cloud(host: "h", accountID: 1, runID: id), status: "running")
      run.createdAt = created.map(at)
      return run
    }
    let order = [run(5, 1), run(2, 2), run(3, 2), run(1, nil)]
    #expect(order.reversed().sorted(by: DbtRun.inRecordOrder) == order)
  }
}
