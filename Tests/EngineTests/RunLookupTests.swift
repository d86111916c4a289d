import Testing

@testable import Engine

@Suite struct RunLookupTests {
  @Test(arguments: [
    ("70471883265346", RunLookup.Name.dbtRun(70_471_883_265_346)),
    ("https://ab123.us1.dbt.com/deploy/4433/projects/5/runs/70471883265346/", .dbtRun(70_471_883_265_346)),
    ("https://cloud.getdbt.com/#/accounts/4433/projects/5/runs/99/", .dbtRun(99)),
    ("cloud/ab123.us1.dbt.com/4433/99", .dbtRun(99)),
    ("dbt_daily@latest", .latest(dagID: "dbt_daily", instance: nil)),
    ("prod/dbt_daily@latest", .latest(dagID: "dbt_daily", instance: "prod")),
    ("prod/dbt_daily/manual__2026", .key("prod/dbt_daily/manual__2026")),
    ("a \"b\"\n", .key("a \"b\"\n")), ("", .key("")), ("99999999999999999999", .key("99999999999999999999")),
    (
      "https://airflow.example/dags/dbt_daily/grid?dag_run_id=manual__2026-11-21T00%3A00%3A00%2B00%3A00&tab=graph",
      .airflow(dagID: "dbt_daily", runID: "manual__2026-11-21T00:00:00+00:00")
    ),
    (
      "https://airflow.example/dags/dbt_daily/runs/scheduled__2026-11-21T00%3A00%3A00%2B00%3A00/tasks/run",
      .airflow(dagID: "dbt_daily", runID: "scheduled__2026-11-21T00:00:00+00:00")
    ),
    ("https://airflow.example/team/dags/a%20b/runs/r+1", .airflow(dagID: "a b", runID: "r+1")),
  ])
  func namesMeanWhatPeoplePaste(_ text: String, _ name: RunLookup.Name) {
    #expect(RunLookup.Name(text) == name)
  }
}
