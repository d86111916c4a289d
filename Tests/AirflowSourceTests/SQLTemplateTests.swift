import Testing

@testable import AirflowSource

@Suite struct SQLTemplateTests {
  private func sql(_ text: String, _ columns: [String: Set<String>]) -> String {
    SQLTemplate(Array(text.utf8)).sql(for: .sample(columns: columns))
  }

  @Test func aColumnThatIsThereIsReadAndAnotherIsNull() {
    let text = "select {dr.clear_number|int4}, {dr.run_after|timestamptz}\nfrom dag_run dr"
    #expect(sql(text, ["dag_run": ["clear_number"]]) == "select dr.clear_number, NULL::timestamptz\nfrom dag_run dr")
  }

  @Test func linesFollowTheTables() {
    let text =
      "-- name\n-- more\nselect 1\nleft join x n on true --if task_instance_note\nnull --unless task_instance_note\n"
    #expect(sql(text, ["task_instance_note": []]) == "-- name\nselect 1\nleft join x n on true ")
    #expect(sql(text, [:]) == "-- name\nselect 1\nnull ")
  }

  @Test func aBlockFollowsItsTable() {
    let text = "-- name\nselect 1\n--if task_instance_history\n# {h.state|text}\n# 2\n--end\n# 3"
    #expect(sql(text, ["task_instance_history": ["state"]]) == "-- name\nselect 1\n# h.state\n# 2\n# 3")
    #expect(sql(text, [:]) == "-- name\nselect 1\n# 3")
  }

  @Test(arguments: AirflowDatabase.schemas.map { $0.hasPrefix("2") ? AirflowSchema.Family.airflow2 : .airflow3 })
  func everyPlaceholderOfEveryQueryNamesAKnownColumn(_ family: AirflowSchema.Family) {
    let bare = AirflowSchema.sample(family: family, columns: [:])
    let full = AirflowSchema.sample(
      family: family,
      columns: Dictionary(
        uniqueKeysWithValues: AirflowTable.all.map { ($0.name, Set($0.required(in: family) + $0.optional)) }))
    for schema in [bare, full] {
      let queries = Queries(schema)
      let texts: [String?] = [
        queries.moment, queries.sweepRuns, queries.fingerprints, queries.historyRuns, queries.historyCount,
        queries.dagRuns, queries.taskInstances,
        queries.taskInstanceHistory, queries.firstPokes, queries.smallXComs, queries.xcoms, queries.renderedFields,
        queries.dags,
        queries.dagTags,
      ]
      for text in texts.compactMap({ $0 }) {
        #expect(!text.contains("{") && !text.contains("--if") && !text.contains("--unless"), "\(text)")
      }
    }
    let text = Queries(full).dagRuns + Queries(full).taskInstances
    #expect(!text.contains("NULL::int4"), "a known column reads as NULL although it is there")
  }
}

extension AirflowSchema {
  static func sample(family: Family = .airflow3, columns: [String: Set<String>]) -> AirflowSchema {
    AirflowSchema(
      family: family, alembicHead: nil, version: nil, columns: columns, lockable: [], schemaName: "public",
      database: "airflow",
      role: "syncer", isSuperuser: false, isReplica: false, replayLagSeconds: nil, serverVersion: 150_000,
      serverEncoding: "UTF8", warnings: [])
  }
}
