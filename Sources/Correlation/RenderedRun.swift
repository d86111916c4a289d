import ExecutionModel
import JSONText

/// What the template fields of a dbt Cloud operator say (`rendered_task_instance_fields`).
struct RenderedRun: Hashable {
  /// `run_id` of a sensor or artifact operator: a number, or text of digits when it came out of a template.
  var run: Finding?
  /// `account_id`, null unless the DAG sets it.
  var accountID: Int64?
  /// `job_id` of a run operator: a number, or text of digits; null when the job is found by name.
  var jobID: Int64?
  /// `trigger_reason` of a run operator, null unless the DAG sets it.
  var triggerReason: String?
  /// Whether these are the fields that the run operator and its subclasses have, in every version of the provider.
  var isOfRunOperator: Bool

  init(_ fields: RenderedFields) {
    let value = try? JSONValue(parsing: fields.fields.text, source: "rendered fields", maximumDepth: 64)
    accountID = value?["account_id"]?.runID
    isOfRunOperator = ["job_id", "trigger_reason", "steps_override", "schema_override"].allSatisfy { value?[$0] != nil }
    if isOfRunOperator {
      jobID = value?["job_id"]?.runID
      triggerReason = value?["trigger_reason"]?.stringValue.map(AirflowCause.cut)
    }
    guard let id = value?["run_id"]?.runID else { return }
    run = Finding(kind: "rendered_run_id", value: String(id), .run(DbtRunReference(accountID: accountID, runID: id)))
  }

  /// What helps to find a run that nothing names.
  var hints: [Evidence] {
    [
      accountID.map { Evidence(kind: LostTry.accountHint, value: String($0)) },
      jobID.map { Evidence(kind: LostTry.jobHint, value: String($0)) },
      triggerReason.map { Evidence(kind: LostTry.reasonHint, value: $0) },
    ].compactMap(\.self)
  }
}
