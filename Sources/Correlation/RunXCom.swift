import ExecutionModel
import JSONText

/// The XCom keys that can name a dbt Cloud run, in the order of their evidence.
enum RunXComKey: String, CaseIterable {
  /// Pushed by the run operator since provider 4.4.3, right after the run was triggered.
  case jobRunID = "job_run_id"
  /// Pushed by every version of the run operator at the same moment.
  case jobRunURL = "job_run_url"
  /// The operator's link in Airflow 3, which stores links as XComs and past a custom XCom backend.
  case operatorLink = "_link_DbtCloudRunJobOperatorLink"
  /// What the task returned.
  case returnValue = "return_value"

  /// Whether only the run operator and its subclasses write it.
  var isOfRunOperator: Bool { self != .returnValue }

  var evidenceKind: String {
    switch self {
    case .jobRunID: "xcom_job_run_id"
    case .jobRunURL: "xcom_job_run_url"
    case .operatorLink: "xcom_operator_link"
    case .returnValue: "xcom_return_value"
    }
  }
}

/// One piece of evidence with what it tells.
struct Finding: Hashable {
  var evidence: Evidence
  var outcome: Outcome

  enum Outcome: Hashable {
    /// It names this run.
    case run(DbtRunReference)
    /// It names none, for this reason.
    case unresolved(String)
  }

  init(kind: String, value: String, _ outcome: Outcome) {
    evidence = Evidence(kind: kind, value: presentable(value))
    self.outcome = outcome
  }

  var run: DbtRunReference? { if case .run(let run) = outcome { run } else { nil } }
  var reason: String? { if case .unresolved(let reason) = outcome { reason } else { nil } }
}

extension Finding {
  /// What one of the run operator's XComs, or the value it returned, says; nil when it is empty (an operator link
  /// without a run is stored as null or "").
  init?(_ xcom: XCom, key: RunXComKey) {
    let kind = key.evidenceKind
    let name = "XCom \(key.rawValue)"
    switch xcom.content {
    case .opaque(let what, let bytes):
      self.init(
        kind: kind, value: "\(what), \(bytes) bytes",
        .unresolved("\(name) holds \(bytes) bytes of \(what), which is not read"))
    case .tooLarge(let bytes):
      self.init(kind: kind, value: "\(bytes) bytes", .unresolved("\(name) holds \(bytes) bytes, more than is read"))
    case .json(let json):
      guard let value = try? JSONValue(parsing: json.text, source: name, maximumDepth: 64) else {
        self.init(kind: kind, value: json.text, .unresolved("\(name) holds text that is not valid JSON"))
        return
      }
      self.init(value: value, kind: kind, name: name)
    }
  }

  private init?(value: JSONValue, kind: String, name: String) {
    switch value {
    case .null: return nil
    case .string(let text) where text.trimmingSpace.isEmpty: return nil
    case .string(let text):
      if let run = RunURL.parse(text) {
        self.init(kind: kind, value: text, .run(run))
      } else if let id = positiveInteger(text.trimmingSpace) {
        self.init(kind: kind, value: text, .run(DbtRunReference(runID: id)))
      } else if text.isObjectStorageReference {
        self.init(
          kind: kind, value: text, .unresolved("\(name) holds a reference to object storage, which is not followed"))
      } else {
        self.init(kind: kind, value: text, .unresolved("\(name) holds text that names no dbt Cloud run"))
      }
    case .number(let text):
      if let id = positiveInteger(text) {
        self.init(kind: kind, value: text, .run(DbtRunReference(runID: id)))
      } else {
        self.init(kind: kind, value: text, .unresolved("\(name) holds a number that is no run id"))
      }
    case .bool, .array, .object:
      self.init(
        kind: kind, value: value.rawJSON.text, .unresolved("\(name) holds a value that names no dbt Cloud run"))
    }
  }
}

extension String {
  /// Whether this is an address other than of the web, as `XComObjectStorageBackend` writes in a value's place:
  /// `file:///…`, `s3://…`, `gs://…`, `abfss://…`.
  fileprivate var isObjectStorageReference: Bool {
    guard let end = firstRange(of: "://") else { return false }
    let scheme = self[..<end.lowerBound].lowercased()
    return !scheme.isEmpty && scheme != "http" && scheme != "https"
      && scheme.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) }
  }
}

/// `value` as it is kept as evidence: at most 200 characters, and an address without user information and query,
/// which may hold credentials (signed object-storage addresses do).
func presentable(_ value: String) -> String {
  // Most values are short and hold nothing to hide.
  if value.utf8.count <= 200, !value.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "@") }) {
    return value
  }
  var text = Substring(value)
  if let schemeEnd = value.prefix(64).firstRange(of: "://") {
    var address = value[schemeEnd.upperBound...].prefix { $0 != "?" }
    let authority = address.prefix { $0 != "/" && $0 != "#" }
    if let at = authority.lastIndex(of: "@") { address = address[address.index(after: at)...] }
    text = value[..<schemeEnd.upperBound] + address
  }
  return text.count > 200 ? text.prefix(199) + "…" : String(text)
}
