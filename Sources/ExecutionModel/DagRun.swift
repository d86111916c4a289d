/// The name of one Airflow installation in the configuration (`airflow[].name`).
public typealias InstanceName = String

/// What identifies a DAG run for ever: the Airflow instance and Airflow's own UNIQUE (dag_id, run_id).
public struct DagRunKey: Hashable, Sendable, CustomStringConvertible {
  /// The Airflow instance.
  public var instance: InstanceName
  /// `dag_run.dag_id`
  public var dagID: String
  /// `dag_run.run_id`
  public var runID: String

  public init(instance: InstanceName, dagID: String, runID: String) {
    self.instance = instance
    self.dagID = dagID
    self.runID = runID
  }

  // Swift compares text by canonical equivalence, Airflow's database by bytes.
  public static func == (left: DagRunKey, right: DagRunKey) -> Bool {
    left.runID.hasSameBytes(as: right.runID) && left.dagID.hasSameBytes(as: right.dagID)
      && left.instance == right.instance
  }

  /// The record's key: `instance/dag_id/run_id`. Everything after the second slash is the run_id.
  public var description: String { "\(instance)/\(dagID)/\(runID)" }
}

/// One row of `dag_run`, as last read. Absent is nil, never a made-up value.
public struct DagRun: Hashable, Sendable {
  public var key: DagRunKey
  /// `dag_run.id`: grows with every INSERT, whatever the logical date; the capture cursor.
  public var sourceID: Int64
  /// `run_type`: scheduled, manual, backfill, dataset_triggered, asset_triggered, operator_triggered, …
  public var runType: String?
  /// `state`: queued, running, success, failed; others are kept as they are.
  public var state: String?
  /// `logical_date` (3.x, may be null) or `execution_date` (2.x).
  public var logicalDate: Instant?
  /// `run_after` (3.x only).
  public var runAfter: Instant?
  public var dataIntervalStart: Instant?
  public var dataIntervalEnd: Instant?
  public var queuedAt: Instant?
  public var startDate: Instant?
  public var endDate: Instant?
  /// `clear_number` (2.8 and later): how often the run was cleared and reset.
  public var clearNumber: Int?
  /// `triggered_by` (3.x): CLI, REST_API, TIMETABLE, BACKFILL, ASSET, …
  public var triggeredBy: String?
  /// `triggering_user_name` (3.1 and later).
  public var triggeringUserName: String?
  /// `conf` as canonical JSON; what cannot be JSON is `{"opaque": kind, "bytes": n}`.
  public var conf: RawJSON?
  /// `dag_run_note.content` (2.5 and later).
  public var note: String?

  public init(key: DagRunKey, sourceID: Int64) {
    self.key = key
    self.sourceID = sourceID
  }

  /// Whether Airflow will go on with this run by itself: queued or running.
  public var isOpen: Bool { state == "queued" || state == "running" }
}

/// What a DAG run looked like before it was cleared and reset.
public struct DagRunClear: Hashable, Sendable {
  public var clearNumber: Int?
  public var state: String?
  public var queuedAt: Instant?
  public var startDate: Instant?
  public var endDate: Instant?

  public init(clearNumber: Int?, state: String?, queuedAt: Instant?, startDate: Instant?, endDate: Instant?) {
    self.clearNumber = clearNumber
    self.state = state
    self.queuedAt = queuedAt
    self.startDate = startDate
    self.endDate = endDate
  }
}

/// One row of `dag` with its tags: what Airflow knows of a DAG apart from its runs.
public struct Dag: Hashable, Sendable {
  public var dagID: String
  /// `dag.owners`, split at commas, in Airflow's order.
  public var owners: [String]
  /// `dag_tag.name`, sorted.
  public var tags: [String]
  /// `dag.schedule_interval` (2.x, JSON unwrapped) or `dag.timetable_summary` (3.x).
  public var schedule: String?
  public var description: String?
  /// `dag.relative_fileloc` where it exists, else `dag.fileloc`.
  public var fileloc: String?
  public var isPaused: Bool?

  public init(dagID: String, owners: [String] = [], tags: [String] = []) {
    self.dagID = dagID
    self.owners = owners
    self.tags = tags
  }
}
