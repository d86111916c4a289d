import ExecutionModel
import JSONText

/// What Airflow's provider writes into `cause` when it starts a dbt Cloud run.
public enum AirflowCause {
  /// How much of a cause the provider sends at most, in characters as Python counts them.
  static let limit = 255

  /// The cause that every version of the provider sends unless the DAG sets a `trigger_reason`. It names neither the DAG
  /// run nor the try: mapped tasks, retries and other runs of the DAG share it.
  public static func standard(dagID: String, taskID: String) -> String {
    cut("Triggered via Apache Airflow by task \(PythonText.repr(taskID)) in the \(dagID) DAG.")
  }

  /// Whether a cause says that another task than this one has started the run, which this one then can only have found
  /// under way.
  public static func namesAnother(_ cause: String, dagID: String, taskID: String) -> Bool {
    if let parent = CauseParent(cause) {
      return parent.jobName.map { !$0.hasSameBytes(as: "\(dagID).\(taskID)") } ?? false
    }
    return cause.hasPrefix("Triggered via Apache Airflow by task ") && cause.hasSuffix(" DAG.")
      && !cut(cause).hasSameBytes(as: standard(dagID: dagID, taskID: taskID))
  }

  /// `text` as the provider sends it. Since 3.9 it cuts a longer one; before, dbt Cloud had to take it as it was.
  static func cut(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex) else { return text }
    return String(scalars[..<end])
  }
}

/// The cause of a run that was started with `openlineage_inject_parent_job_info`: the OpenLineage run of the very attempt,
/// `{"parent": {"run": {"runId": …}, "job": {"namespace": …, "name": "dag_id.task_id"}}, …}`.
public struct CauseParent: Hashable, Sendable {
  /// The attempt's run id, in lower case.
  public var runID: String
  public var jobName: String?

  /// nil for any other cause.
  public init?(_ cause: String) {
    guard cause.utf8.first == UInt8(ascii: "{"),
      let parent = (try? JSONValue(parsing: cause, source: "cause", maximumDepth: 16))?["parent"],
      let runID = parent["run"]?["runId"]?.stringValue, !runID.isEmpty
    else { return nil }
    self.runID = runID.lowercased()
    jobName = parent["job"]?["name"]?.stringValue
  }
}

/// Text as Python's `repr()` writes it.
enum PythonText {
  static func repr(_ text: String) -> String {
    let hasSingle = text.utf8.contains(UInt8(ascii: "'"))
    let quote: Unicode.Scalar = hasSingle && !text.utf8.contains(UInt8(ascii: "\"")) ? "\"" : "'"
    var written = String(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": written += "\\\\"
      case "\n": written += "\\n"
      case "\r": written += "\\r"
      case "\t": written += "\\t"
      case quote: written += "\\\(quote)"
      default:
        if isPrintable(scalar) {
          written.unicodeScalars.append(scalar)
        } else {
          written += escaped(scalar)
        }
      }
    }
    written.unicodeScalars.append(quote)
    return written
  }

  /// `str.isprintable()`
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (prefix, width) = scalar.value < 0x100 ? ("\\x", 2) : scalar.value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
    return prefix + String(repeating: "0", count: width - digits.count) + digits
  }
}
