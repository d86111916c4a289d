import ExecutionModel

/// What became of the runs that were asked for by id; one snapshot of the database.
public struct SnapshotBatch: Hashable, Sendable {
  /// The runs that were read, by rising id.
  public var snapshots: [DagRunSnapshot] = []
  /// Of the runs that were read and are not open, by `dag_run.id`: what ``AirflowReader/sweep(_:schema:)`` computes for
  /// exactly what is in ``snapshots``. Empty when that was not asked for.
  public var fingerprints: [Int64: Int64] = [:]
  /// Ids that do not exist. On a replica one may be missing because it has not arrived yet.
  public var missing: [Int64] = []
  /// Ids of runs whose DAG is not read.
  public var excluded: [Int64] = []
  /// Ids that exist and that the limits left for the next call.
  public var rest: [Int64] = []
  /// The DAGs of the runs that were read.
  public var dags: [Dag] = []
  /// When and where this was read.
  public var moment: ReadMoment
  /// How many rows were read.
  public var rowCounts = RowCounts()
}
