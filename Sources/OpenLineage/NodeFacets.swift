import ExecutionModel
import JSONText

// The facets of runs and jobs of dbt's nodes.

extension LineageEncoder {
  func dbtVersion(_ writer: inout JSONWriter, _ step: DbtStep, of run: DbtRun) {
    guard let version = step.dbtVersion ?? run.dbtVersion else { return }
    writer.facet(.dbtVersion, producer: producer) { $0.member("version", version) }
    engine(&writer, name: "dbt", version: version)
  }

  func dbtRun(_ writer: inout JSONWriter, _ execution: DbtNodeExecution, of run: DbtRun) {
    guard let invocation = execution.step.invocationID.flatMap({ RunID($0) }) else { return }
    writer.facet(.dbtRun, producer: producer) {
      $0.member("invocation_id", invocation.text)
      $0.present("project_name", execution.step.projectName)
      $0.present("profile_name", execution.connection?.name)
      $0.present("account_id", run.accountID.map { String($0) })
      switch run.key {
      case .cloud: $0.member("dbt_runtime", "cloud")
      case .core: $0.member("dbt_runtime", "core")
      }
      if let isFullRefresh = execution.step.isFullRefresh { $0.member("full_refresh", isFullRefresh) }
    }
  }

  /// dbt's tags, and the members of `meta`.
  func runTags(_ writer: inout JSONWriter, _ node: DbtNode) {
    if has(.tags) { return }
    let tags =
      node.tags.map { Tag(key: $0, value: "true", source: "DBT") }
      + node.meta.map { Tag(key: $0.key, value: $0.value, source: "DBT_META") }
    guard !tags.isEmpty else { return }
    writer.facet(.runTags, producer: producer) { Self.members(&$0, tags) }
  }

  func externalQuery(_ writer: inout JSONWriter, _ queryID: String?, in namespace: String) {
    guard let queryID, !queryID.isEmpty, queryID.lowercased() != "n/a" else { return }
    writer.facet(.externalQuery, producer: producer) {
      $0.member("externalQueryId", queryID)
      $0.member("source", namespace)
    }
  }

  /// What tests found that speak of no dataset, or of several.
  func testRun(_ writer: inout JSONWriter, _ tests: [DbtNodeExecution.Result], hasInputs: Bool) {
    writer.facet(.test, producer: producer) {
      $0.key("tests")
      $0.array { writer in
        for test in tests {
          let finding = TestFinding(test)
          writer.object {
            $0.member("name", test.node.uniqueID)
            $0.member("status", finding.isSuccess ? "pass" : "fail")
            $0.member("severity", finding.severity)
            $0.present("actual", finding.actual)
            $0.present("expected", finding.expected)
            if test.node.uniqueID.hasPrefix("unit_test.") {
              $0.member("type", "unit")
            } else if !hasInputs {
              $0.member("type", test.node.test ?? "singular")
              content(&$0, test.node.sql)
            }
            if let description = test.node.description, !description.isEmpty, !has(.documentation) {
              $0.member("description", description)
            }
          }
        }
      }
    }
  }

  private func content(_ writer: inout JSONWriter, _ sql: String?) {
    guard includesSQL, !has(.sql), let sql, !sql.isEmpty else { return }
    writer.member("content", sql)
    writer.member("contentType", "sql")
  }

  // MARK: Jobs

  func dbtNode(_ writer: inout JSONWriter, _ node: DbtNode) {
    writer.facet(.dbtNode, producer: producer) {
      $0.member("unique_id", node.uniqueID)
      $0.present("database", node.database)
      $0.present("schema", node.schema)
      // A source has an identifier instead.
      if !node.uniqueID.hasPrefix("source.") { $0.present("alias", node.alias) }
      $0.present("original_file_path", node.path)
    }
  }

  func sql(_ writer: inout JSONWriter, _ sql: String?, dialect: String?) {
    guard includesSQL, !has(.sql), let sql, !sql.isEmpty else { return }
    writer.facet(.sql, producer: producer) {
      $0.member("query", sql)
      $0.present("dialect", dialect)
    }
  }
}
