import ExecutionModel

/// Why an event could not be encoded. None of these goes away by trying again: the delivery is to be parked.
public enum LineageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The run has neither `logical_date` nor `run_after`, of which its id is made.
  case noLogicalDate(DagRunKey)
  /// dbt Cloud gave no `created_at`, of which the run's id is made.
  case noCreationTime(DbtRunKey)
  /// The event is about something else than the values that were given with it.
  case wrongSubject(ExecutionEvent.Subject)
  /// libcrypto refuses this digest, as it does with MD5 in FIPS mode.
  case digestUnavailable(String)

  public var description: String {
    switch self {
    case .noLogicalDate(let key):
      "DAG run \(key) has neither logical_date nor run_after, so no OpenLineage run id can be derived; "
        + "check the row in dag_run, then retry the delivery"
    case .noCreationTime(let key):
      "dbt run \(key) has no created_at, so no OpenLineage run id can be derived; retry the delivery once dbt Cloud "
        + "gives one"
    case .wrongSubject(let subject):
      "an event about \(subject) was given values of something else; this is a fault of airflow-syncer"
    case .digestUnavailable(let name):
      "libcrypto refuses \(name); with `airflow_provider: \"<=1.8\"` run ids need MD5, which FIPS mode forbids"
    }
  }
}
