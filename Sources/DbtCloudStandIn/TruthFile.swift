import ExecutionModel
import JSONText

/// A list of runs in JSON: `[{"dbt_account_id", "dbt_job_id", "dbt_run_id", "cause", "planned_outcome", "triggered_at",
/// "cancelled_at", "how"}, …]`, as recordings of Airflow at work have it. Times are seconds since 1970 or RFC 3339.
/// Optional: `dbt_project_id`, `dbt_environment_id`, `dbt_job_name`, `retrying_run_id`. Other members are not read.
public enum TruthFile {
  /// A list that cannot be used.
  public struct Failure: Error, CustomStringConvertible {
    /// Which file and which member.
    public var description: String
  }

  /// Reads a file. A run that is listed twice counts once, as first listed.
  public static func runs(ofFile path: String, projects: [Int64: Int64] = [:]) throws -> [StandInRun] {
    try runs(in: JSONDocument(readingFile: path).read { try $0.value() }, source: path, projects: projects)
  }

  /// - Parameter projects: project ids by account, for rows that name none.
  public static func runs(in list: JSONValue, source: String, projects: [Int64: Int64] = [:]) throws -> [StandInRun] {
    guard let rows = list.arrayValue else { throw Failure(description: "\(source): a list was expected") }
    var runs: [StandInRun] = []
    var known: Set<StandInRun.Key> = []
    for (index, row) in rows.enumerated() {
      func failure(_ member: String) -> Failure {
        Failure(description: "\(source): [\(index)].\(member) is not usable")
      }
      guard let account = row["dbt_account_id"]?.integerValue else { throw failure("dbt_account_id") }
      guard let id = row["dbt_run_id"]?.integerValue else { throw failure("dbt_run_id") }
      guard let created = row["triggered_at"].flatMap(time) else { throw failure("triggered_at") }
      let plan = row["planned_outcome"]?.stringValue ?? "success"
      guard let outcome = StandInRun.Outcome(rawValue: plan) else { throw failure("planned_outcome") }
      var run = StandInRun(
        accountID: account, jobID: row["dbt_job_id"]?.integerValue ?? 1, runID: id,
        projectID: row["dbt_project_id"]?.integerValue ?? projects[account] ?? 501,
        environmentID: row["dbt_environment_id"]?.integerValue ?? 601, jobName: row["dbt_job_name"]?.stringValue,
        cause: row["cause"]?.stringValue, outcome: outcome, createdAt: created,
        cancelledAt: row["cancelled_at"].flatMap(time), retryingRunID: row["retrying_run_id"]?.integerValue)
      if run.retryingRunID == nil, row["how"]?.stringValue == "rerun" {
        // The API resumes the newest run of the job that failed.
        run.retryingRunID =
          runs.filter {
            $0.accountID == account && $0.jobID == run.jobID && $0.finalOutcome == .error && $0.createdAt < created
          }.max { $0.createdAt < $1.createdAt }?.runID
      }
      if known.insert(run.key).inserted { runs.append(run) }
    }
    return runs
  }

  private static func time(_ value: JSONValue) -> Instant? {
    if let text = value.stringValue { return Instant(text) }
    guard let seconds = value.doubleValue, abs(seconds) < 1e12 else { return nil }
    return Instant(microseconds: Int64((seconds * 1e6).rounded()))
  }
}
