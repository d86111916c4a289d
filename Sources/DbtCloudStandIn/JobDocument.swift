import ExecutionModel
import JSONText

/// A job as the API writes it.
struct JobDocument {
  var run: StandInRun
  var steps: [RunTimeline.Step]

  func write(_ writer: inout JSONWriter) {
    let commands = steps.compactMap(\.command).filter { $0 != "dbt deps" }
    writer.object { writer in
      writer.member("id", run.jobID)
      writer.member("account_id", run.accountID)
      writer.member("project_id", run.projectID)
      writer.member("environment_id", run.environmentID)
      writer.member("name", run.jobName)
      writer.member("dbt_version", String?.none)
      writer.member("description", "")
      writer.member("execute_steps", commands.isEmpty ? ["dbt build"] : commands)
      writer.member("generate_docs", commands.contains("dbt docs generate"))
      writer.member("run_generate_sources", false)
      writer.member("job_type", "other")
      writer.member("state", 1)
      writer.key("settings")
      writer.object { writer in
        writer.member("threads", 4)
        writer.member("target_name", "prod")
      }
      writer.key("execution")
      writer.object { $0.member("timeout_seconds", 0) }
      writer.member("deferring_job_definition_id", Int64?.none)
      writer.member("deferring_environment_id", Int64?.none)
      writer.member("created_at", "2026-01-01 00:00:00+00:00")
      writer.member("updated_at", "2026-01-01 00:00:00+00:00")
    }
  }
}

/// An environment as the API writes it.
struct EnvironmentDocument {
  var run: StandInRun

  func write(_ writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", run.environmentID)
      writer.member("account_id", run.accountID)
      writer.member("project_id", run.projectID)
      writer.member("name", "Production")
      writer.member("dbt_version", "1.12.0-latest")
      writer.member("type", "deployment")
      writer.member("deployment_type", "production")
      writer.member("state", 1)
      writer.member("use_custom_branch", false)
      writer.member("custom_branch", String?.none)
      writer.member("connection_id", 42)
    }
  }
}

/// A project as v3 of the API writes it.
struct ProjectDocument {
  var run: StandInRun

  func write(_ writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", run.projectID)
      writer.member("account_id", run.accountID)
      writer.member("name", "Project \(run.projectID)")
      writer.member("description", "")
      writer.member("dbt_project_subdirectory", String?.none)
      writer.member("connection_id", 42)
      writer.member("repository_id", 43)
      writer.member("state", 1)
      writer.key("connection")
      writer.object { writer in
        writer.member("id", 42)
        writer.member("name", "Postgres")
        writer.member("type", "postgres")
        writer.key("details")
        writer.object { writer in
          writer.member("host", "warehouse.example")
          writer.member("port", 5432)
          writer.member("dbname", "analytics")
        }
      }
      writer.member("created_at", "2026-01-01 00:00:00+00:00")
      writer.member("updated_at", "2026-01-01 00:00:00+00:00")
    }
  }
}
