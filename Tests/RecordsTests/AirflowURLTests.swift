import ExecutionModel
import Records
import Testing

@Suite struct AirflowURLTests {
  private let run = DagRunKey(instance: "p", dagID: "dbt daily", runID: "manual__2026-01-01T00:00:00+00:00")
  private let task = AttemptKey(taskID: "grp.é/x", mapIndex: -1, tryNumber: 2)
  private let mapped = AttemptKey(taskID: "t", mapIndex: 3, tryNumber: 1)

  @Test(arguments: ["2.6", "2.10-2.11"]) func airflow2ShowsRunsInTheGrid(_ version: String) {
    let url = AirflowURL(uiURL: "https://a.example/base/", airflowVersion: version)
    let grid = "https://a.example/base/dags/dbt%20daily/grid?dag_run_id=manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    #expect(url.dagRun(run) == grid)
    #expect(url.attempt(task, of: run) == grid + "&task_id=grp.%C3%A9%2Fx")
    #expect(url.attempt(mapped, of: run) == grid + "&task_id=t&map_index=3")
  }

  @Test(arguments: ["3.0", "3.3", nil]) func airflow3HasAPageForEach(_ version: String?) {
    let url = AirflowURL(uiURL: "https://a.example", airflowVersion: version)
    let page = "https://a.example/dags/dbt%20daily/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    #expect(url.dagRun(run) == page)
    #expect(url.attempt(task, of: run) == page + "/tasks/grp.%C3%A9%2Fx")
    #expect(url.attempt(mapped, of: run) == page + "/tasks/t/mapped/3")
  }

  @Test func whatIsNotUnreservedIsEncoded() {
    let odd = DagRunKey(instance: "p", dagID: "a\u{1}&=?#%\"<>", runID: "~._-Z9")
    let url = AirflowURL(uiURL: "http://x", airflowVersion: "3.3").dagRun(odd)
    #expect(url == "http://x/dags/a%01%26%3D%3F%23%25%22%3C%3E/runs/~._-Z9")
  }
}
