import ExecutionModel

/// Addresses in Airflow's own web interface (`airflow[].ui_url`).
public struct AirflowURL: Hashable, Sendable {
  private let base: String
  private let isAirflow2: Bool

  /// - Parameters:
  ///   - uiURL: where the web interface is, e.g. `https://airflow.example`; a trailing slash does not matter.
  ///   - airflowVersion: the version, or range of versions, that the schema tells (`2.10-2.11`). The addresses changed
  ///     with Airflow 3; an unknown version is taken for a later one.
  public init(uiURL: String, airflowVersion: String?) {
    base = uiURL.last == "/" ? String(uiURL.dropLast()) : uiURL
    isAirflow2 = airflowVersion?.hasPrefix("2.") ?? false
  }

  /// The page of a DAG run: the grid in Airflow 2, the run's own page in Airflow 3.
  public func dagRun(_ key: DagRunKey) -> String {
    isAirflow2
      ? "\(base)/dags/\(quoted(key.dagID))/grid?dag_run_id=\(quoted(key.runID))"
      : "\(base)/dags/\(quoted(key.dagID))/runs/\(quoted(key.runID))"
  }

  /// The page of a task instance. Airflow shows its newest try there first.
  public func attempt(_ key: AttemptKey, of run: DagRunKey) -> String {
    let isMapped = key.mapIndex >= 0
    if isAirflow2 {
      let mapIndex = isMapped ? "&map_index=\(key.mapIndex)" : ""
      return "\(dagRun(run))&task_id=\(quoted(key.taskID))\(mapIndex)"
    }
    return "\(dagRun(run))/tasks/\(quoted(key.taskID))" + (isMapped ? "/mapped/\(key.mapIndex)" : "")
  }

  /// Percent-encodes everything but the unreserved characters of RFC 3986.
  private func quoted(_ text: String) -> String {
    var quoted = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        quoted.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        quoted += byte < 16 ? "%0\(hex)" : "%\(hex)"
      }
    }
    return quoted
  }
}
