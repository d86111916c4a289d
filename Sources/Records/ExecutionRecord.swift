import ExecutionModel

/// What stands at the beginning of a record: the DAG run, or for a dbt run that no attempt is known for its key alone.
public struct RecordHeader: Hashable, Sendable {
  /// What a record is about.
  public enum Kind: String, Hashable, Sendable {
    case dagRun = "dag_run"
    /// A dbt run that no Airflow attempt is known for.
    case dbtRun = "dbt_run"
  }

  /// That Airflow no longer has the DAG run, or a task instance of it.
  public struct Removed: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
      /// Somebody deleted the DAG run.
      case deleted
      /// Old rows vanished in bulk, as `airflow db clean` does it.
      case expired
      case unknown
    }
    public var kind: Kind
    /// When it was first seen to be gone, by the clock of Airflow's database.
    public var seenAt: Instant

    public init(kind: Kind, seenAt: Instant) {
      self.kind = kind
      self.seenAt = seenAt
    }
  }

  public var kind: Kind
  /// ``DagRunKey`` or ``DbtRunKey`` as text. Everything after the second slash of a DAG run's key is the run_id.
  public var key: String
  public var instance: InstanceName?
  /// What the schema tells: a version or a range such as `2.10-2.11`; nil for an unknown one.
  public var airflowVersion: String?
  /// Grows with every change of the record in the ledger.
  public var revision: Int
  public var removed: Removed?
  public var dag: Dag?
  public var run: DagRun?
  /// Where Airflow's web interface is; nil when `ui_url` is not configured.
  public var ui: AirflowURL?
  /// What the DAG run looked like before each clear.
  public var history: [DagRunClear]

  /// The header of a DAG run's record.
  public init(
    run: DagRun, airflowVersion: String?, revision: Int, removed: Removed? = nil, dag: Dag? = nil,
    uiURL: String? = nil, history: [DagRunClear] = []
  ) {
    kind = .dagRun
    key = run.key.description
    instance = run.key.instance
    self.airflowVersion = airflowVersion
    self.revision = revision
    self.removed = removed
    self.dag = dag
    self.run = run
    ui = uiURL.map { AirflowURL(uiURL: $0, airflowVersion: airflowVersion) }
    self.history = history
  }

  /// The header of the record of a dbt run that no attempt is known for.
  public init(dbtRun key: DbtRunKey, revision: Int) {
    kind = .dbtRun
    self.key = key.description
    self.revision = revision
    history = []
  }
}

/// A task attempt with its links to dbt runs.
public struct LinkedAttempt: Hashable, Sendable {
  public var attempt: TaskAttempt
  /// That Airflow no longer has the task instance, while it has the DAG run.
  public var removed: RecordHeader.Removed?
  public var links: [RunLink]

  public init(attempt: TaskAttempt, removed: RecordHeader.Removed? = nil, links: [RunLink] = []) {
    self.attempt = attempt
    self.removed = removed
    self.links = links
  }
}

/// Tries of a task instance that must have been and that no read showed: they came and went between two polls, or before
/// first contact, and Airflow keeps no history of them (before 2.10), or no longer.
public struct UnseenTries: Hashable, Sendable {
  public var taskID: String
  public var mapIndex: Int
  /// The first and the last of them; no try in between was seen.
  public var first: Int
  public var last: Int

  public init(taskID: String, mapIndex: Int, first: Int, last: Int) {
    self.taskID = taskID
    self.mapIndex = mapIndex
    self.first = first
    self.last = last
  }
}

/// A whole record in memory. Large ones are streamed with ``RecordEncoder`` instead.
public struct ExecutionRecord: Hashable, Sendable {
  public var header: RecordHeader
  public var attempts: [LinkedAttempt]
  public var unseenTries: [UnseenTries]
  public var dbtRuns: [DbtRun]

  public init(
    header: RecordHeader, attempts: [LinkedAttempt] = [], unseenTries: [UnseenTries] = [], dbtRuns: [DbtRun] = []
  ) {
    self.header = header
    self.attempts = attempts
    self.unseenTries = unseenTries
    self.dbtRuns = dbtRuns
  }
}

extension TaskAttempt {
  /// The order of attempts in a record: by start, those that never started last, then by key.
  public static func inRecordOrder(_ left: TaskAttempt, _ right: TaskAttempt) -> Bool {
    switch (left.startDate, right.startDate) {
    case (let a?, let b?) where a != b: a < b
    case (.some, nil): true
    case (nil, .some): false
    default: left.key < right.key
    }
  }
}

extension DbtRun {
  /// The order of dbt runs in a record: by creation, those without last, then by key.
  public static func inRecordOrder(_ left: DbtRun, _ right: DbtRun) -> Bool {
    switch (left.createdAt, right.createdAt) {
    case (let a?, let b?) where a != b: a < b
    case (.some, nil): true
    case (nil, .some): false
    default: left.key.description < right.key.description
    }
  }
}
