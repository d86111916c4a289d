import ExecutionModel
import JSONText

/// A run as the API writes it, with those related objects that were asked for.
struct RunDocument {
  /// Values of `include_related` that add something here. Others (`audit`, `debug_logs`, …) are accepted.
  enum Related: String, CaseIterable {
    case trigger, job, environment
    case runSteps = "run_steps"

    /// Reads both encodings in use: `["trigger","job"]` and `trigger,job`.
    static func read(_ text: String) -> Set<Related> {
      let names = text.split { !($0.isLetter || $0 == "_") }.map(String.init)
      return Set(names.compactMap(Related.init))
    }
  }

  var run: StandInRun
  var timeline: RunTimeline
  var related: Set<Related>
  var baseURL: String

  func write(_ writer: inout JSONWriter) {
    let isOver = timeline.phase == .over
    let updated = timeline.finishedAt ?? timeline.startedAt ?? run.createdAt
    writer.object { writer in
      writer.member("id", run.runID)
      writer.member("trigger_id", run.runID &+ 1_000_000)
      writer.member("account_id", run.accountID)
      writer.member("environment_id", run.environmentID)
      writer.member("project_id", run.projectID)
      writer.member("job_definition_id", run.jobID)
      writer.member("status", timeline.status)
      writer.member("dbt_version", "1.12.0-latest")
      writer.member("git_branch", "main")
      writer.member("git_sha", "981c5cf1ba299e942c6c277c38c8dec9b0738dd0")
      writer.member("status_message", statusMessage)
      writer.member("owner_thread_id", String?.none)
      writer.member("executed_by_thread_id", "dbt-run-\(run.runID)-wx0xw")
      writer.member("deferring_run_id", Int64?.none)
      writer.member("artifacts_saved", isOver && timeline.steps.contains { $0.folder != nil })
      writer.member("artifact_s3_path", String?.none)
      writer.member("has_docs_generated", timeline.steps.contains { $0.command == "dbt docs generate" })
      writer.member("has_sources_generated", timeline.steps.contains { $0.command == "dbt source freshness" })
      writer.member("notifications_sent", isOver)
      writer.key("blocked_by")
      writer.array { _ in }
      writer.apiTime("created_at", run.createdAt)
      writer.apiTime("updated_at", updated)
      writer.apiTime("dequeued_at", timeline.dequeuedAt)
      writer.apiTime("started_at", timeline.startedAt)
      writer.apiTime("finished_at", timeline.finishedAt)
      writer.apiTime("last_checked_at", nil)
      writer.apiTime("last_heartbeat_at", nil)
      writer.apiTime("should_start_at", nil)
      writeRelated(&writer)
      writer.member("deprecation", String?.none)
      writer.member("status_humanized", APIText.status(timeline.status))
      writer.member("in_progress", !isOver)
      writer.member("is_complete", isOver)
      writer.member("is_success", timeline.status == 10)
      writer.member("is_error", timeline.status == 20)
      writer.member("is_cancelled", timeline.status == 30)
      writer.member("is_running", timeline.status == 3)
      writer.member("duration", APIText.duration(from: run.createdAt, to: updated))
      writer.member("queued_duration", APIText.duration(from: run.createdAt, to: timeline.startedAt))
      writer.member("run_duration", APIText.duration(from: timeline.startedAt, to: timeline.finishedAt))
      writer.member("retrying_run_id", run.retryingRunID)
      writer.member("can_retry", timeline.status == 20)
      writer.member("retry_not_supported_reason", timeline.status == 20 ? nil : "RETRY_NOT_FAILED_RUN")
      writer.member("job_id", run.jobID)
      writer.member("href", "\(baseURL)/deploy/\(run.accountID)/projects/\(run.projectID)/runs/\(run.runID)/")
      writer.member("used_repo_cache", String?.none)
      writer.member("audit", String?.none)
    }
  }

  private var statusMessage: String? {
    switch timeline.status {
    case 20: "This run exited with an error"
    case 30: "This run was cancelled"
    default: nil
    }
  }

  private func writeRelated(_ writer: inout JSONWriter) {
    writer.key("trigger")
    if related.contains(.trigger) { writeTrigger(&writer) } else { writer.null() }
    writer.key("job")
    if related.contains(.job) { JobDocument(run: run, steps: timeline.steps).write(&writer) } else { writer.null() }
    writer.key("environment")
    if related.contains(.environment) { EnvironmentDocument(run: run).write(&writer) } else { writer.null() }
    writer.key("run_steps")
    writer.array { writer in
      guard related.contains(.runSteps) else { return }
      for step in timeline.steps { write(step, &writer) }
    }
  }

  private func writeTrigger(_ writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", run.runID &+ 1_000_000)
      writer.member("cause", run.cause)
      writer.member("cause_category", run.retryingRunID == nil ? "api" : "rerun")
      writer.member("job_definition_id", run.jobID)
      for name in ["git_branch", "git_sha", "schema_override", "dbt_version_override", "steps_override"] {
        writer.key(name)
        writer.null()
      }
      writer.apiTime("created_at", run.createdAt)
    }
  }

  private func write(_ step: RunTimeline.Step, _ writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", run.runID &* 100 &+ Int64(step.index))
      writer.member("run_id", run.runID)
      writer.member("account_id", run.accountID)
      writer.member("index", step.index)
      writer.member("status", step.status)
      writer.member("name", step.name)
      writer.member("logs", "step \(step.name)\n")
      writer.member("debug_logs", "")
      writer.member("log_path", String?.none)
      writer.member("debug_log_path", String?.none)
      writer.apiTime("created_at", step.startedAt ?? run.createdAt)
      writer.apiTime("updated_at", step.finishedAt ?? step.startedAt ?? run.createdAt)
      writer.apiTime("started_at", step.startedAt)
      writer.apiTime("finished_at", step.finishedAt)
      writer.member("status_color", "#28c76f")
      writer.member("status_humanized", APIText.status(step.status))
      writer.member("duration", APIText.duration(from: step.startedAt, to: step.finishedAt))
      writer.member("truncated_debug_logs", "")
      writer.key("run_step_command")
      if let command = step.command {
        writer.object { writer in
          writer.member("run_step_id", run.runID &* 100 &+ Int64(step.index))
          writer.member("dbt_command", command)
        }
      } else {
        writer.null()
      }
      writer.member("run_step_invocation", String?.none)
    }
  }
}
