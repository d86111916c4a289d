import ExecutionModel

/// Which runs of an account to list.
public struct DbtRunFilter: Hashable, Sendable {
  /// `job_definition_id`
  public var jobID: Int64?
  /// Status codes of the API: 1 queued, 2 starting, 3 running, 10 success, 20 error, 30 cancelled. Empty for all.
  public var statusCodes: [Int]
  /// With ``createdTo``: only runs created in between.
  public var createdFrom: Instant?
  /// With ``createdFrom``: only runs created in between.
  public var createdTo: Instant?

  public init(
    jobID: Int64? = nil, statusCodes: [Int] = [], createdFrom: Instant? = nil, createdTo: Instant? = nil
  ) {
    self.jobID = jobID
    self.statusCodes = statusCodes
    self.createdFrom = createdFrom
    self.createdTo = createdTo
  }
}

/// One page of runs, oldest id first, without their steps: the API gives those for single runs only.
public struct DbtRunPage: Sendable {
  /// The runs, without steps, project names and environments.
  public var runs: [DbtRun]
  /// Give this as `after` for the next page; nil after the last.
  public var next: Int64?
}
