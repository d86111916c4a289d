import Testing

@testable import AirflowSource

@Suite struct GrantsTests {
  @Test func theStatementsNameExactlyTheTablesThatAreRead() {
    let schema = AirflowSchema.sample(columns: ["dag_run": [], "xcom": []])
    #expect(
      schema.grants(role: "syncer") == [
        "GRANT CONNECT ON DATABASE airflow TO syncer;", "GRANT USAGE ON SCHEMA public TO syncer;",
        "GRANT SELECT ON public.dag_run, public.xcom TO syncer;",
      ])
    #expect(AirflowSchema.grants(role: "syncer", database: "airflow").last?.contains("task_instance_history") ?? false)
  }

  @Test(arguments: [
    ("syncer", "syncer"), ("my-role", "\"my-role\""), ("Role", "\"Role\""), ("a\"b", "\"a\"\"b\""),
    ("user", "\"user\""),
    ("", "\"\""), ("1a", "\"1a\""), ("a; drop table x", "\"a; drop table x\""), ("é", "\"é\""), ("_a1", "_a1"),
  ])
  func namesAreQuotedWhereNeeded(_ name: String, _ quoted: String) { #expect(Grants.quoted(name) == quoted) }
}
