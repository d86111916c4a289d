import ExecutionModel
import JSONText

/// What the template fields of a dbt Cloud operator say (`rendered_task_instance_fields`).
struct RenderedRun: Hashable {
  /// `run_id` of a sensor or artifact operator: a number, or text of digits when it came out of a template.
  var run: Finding?
  /// `account_id`, null unless the DAG sets it.
  var accountID: Int64?

  init(_ fields: RenderedFields) {
    let value = try? JSONValue(parsing: fields.fields.text, source: "rendered fields", maximumDepth: 64)
    accountID = value?["account_id"]?.runID
    guard let id = value?["run_id"]?.runID else { return }
    run = Finding(kind: "rendered_run_id", value: String(id), .run(DbtRunReference(accountID: accountID, runID: id)))
  }
}
