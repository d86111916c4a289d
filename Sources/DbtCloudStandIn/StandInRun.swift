import ExecutionModel

/// One run of dbt Cloud as the stand-in plays it.
public struct StandInRun: Hashable, Sendable {
  /// How the run ends.
  public enum Outcome: String, Hashable, Sendable, CaseIterable {
    case success, error, cancelled
  }

  /// `account_id`
  public var accountID: Int64
  /// `job_definition_id`
  public var jobID: Int64
  /// `id`
  public var runID: Int64
  /// `project_id`
  public var projectID: Int64
  /// `environment_id`
  public var environmentID: Int64
  /// `job.name`
  public var jobName: String
  /// `trigger.cause`
  public var cause: String?
  /// How it ends unless it is cancelled.
  public var outcome: Outcome
  /// Every other time of the run follows from it.
  public var createdAt: Instant
  /// When somebody cancelled it; it is cancelled then whatever its outcome.
  public var cancelledAt: Instant?
  /// The run that this one resumes.
  public var retryingRunID: Int64?

  public init(
    accountID: Int64, jobID: Int64 = 1, runID: Int64, projectID: Int64 = 501, environmentID: Int64 = 601,
    jobName: String? = nil, cause: String? = nil, outcome: Outcome = .success, createdAt: Instant,
    cancelledAt: Instant? = nil, retryingRunID: Int64? = nil
  ) {
    self.accountID = accountID
    self.jobID = jobID
    self.runID = runID
    self.projectID = projectID
    self.environmentID = environmentID
    self.jobName = jobName ?? "Job \(jobID)"
    self.cause = cause
    self.outcome = outcome
    self.createdAt = createdAt
    self.cancelledAt = cancelledAt
    self.retryingRunID = retryingRunID
  }

  /// The outcome that the API shows at the end.
  var finalOutcome: Outcome { cancelledAt == nil ? outcome : .cancelled }

  var key: Key { Key(accountID: accountID, runID: runID) }

  struct Key: Hashable, Sendable {
    var accountID: Int64
    var runID: Int64
  }
}
