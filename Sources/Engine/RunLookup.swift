import Correlation
import ExecutionModel
import Ledger

/// Finds the record that a user means by a short name.
public enum RunLookup {
  /// What a name means. Pure; the ledger is asked afterwards.
  public enum Name: Hashable, Sendable {
    /// A record's key or the beginning of one; also a run_id alone, or `dag_id/run_id`.
    case key(String)
    /// `dag_id@latest`, or `instance/dag_id@latest`.
    case latest(dagID: String, instance: String?)
    case dbtRun(Int64)
    /// A DAG run as Airflow's own pages name it.
    case airflow(dagID: String, runID: String)

    public init(_ text: String) {
      if let url = RunURL.parse(text) {
        self = .dbtRun(url.runID)
      } else if let (dagID, runID) = AirflowAddress.parse(text) {
        self = .airflow(dagID: dagID, runID: runID)
      } else if text.hasSuffix("@latest") {
        let name = text.dropLast("@latest".count)
        let parts = name.split(separator: "/", maxSplits: 1)
        self =
          parts.count == 2
          ? .latest(dagID: String(parts[1]), instance: String(parts[0])) : .latest(dagID: String(name), instance: nil)
      } else if let key = DbtRunKey(text), case .cloud(_, _, let runID) = key {
        self = .dbtRun(runID)
      } else if !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }), let id = Int64(text) {
        self = .dbtRun(id)
      } else {
        self = .key(text)
      }
    }
  }

  /// The records that `name` means: one when all is well, none, or several when it is not unique.
  public static func find(_ name: Name, in ledger: Ledger) async throws -> [RunSummary] {
    switch name {
    case .key(let key): return try await ledger.runs(named: key)
    case .latest(let dagID, let instance): return try await ledger.latestRun(ofDag: dagID, instance: instance)
    case .dbtRun(let id):
      var filter = RunFilter()
      filter.dbtRunID = id
      filter.limit = 10
      let runs = try await ledger.runs(filter)
      // Digits may also be the beginning of a key, or a run_id.
      return runs.isEmpty ? try await ledger.runs(named: String(id)) : runs
    case .airflow(let dagID, let runID): return try await ledger.runs(named: "\(dagID)/\(runID)")
    }
  }
}

/// Addresses of DAG runs in Airflow's web interface, as people paste them.
enum AirflowAddress {
  /// Airflow 3: `…/dags/<dag>/runs/<run>[/tasks/…]`. Airflow 2: `…/dags/<dag>/…?dag_run_id=<run>` and older forms with
  /// `dag_id` and `run_id` in the query.
  static func parse(_ text: String) -> (dagID: String, runID: String)? {
    guard text.hasPrefix("http://") || text.hasPrefix("https://") else { return nil }
    let address = text.split(separator: "#", maxSplits: 1).first.map(String.init) ?? text
    let halves = address.split(separator: "?", maxSplits: 1).map(String.init)
    let path = halves[0].split(separator: "/").map { decoded(String($0), plusIsSpace: false) }
    var query: [String: String] = [:]
    for pair in halves.dropFirst().joined().split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1).map { decoded(String($0), plusIsSpace: true) }
      if parts.count == 2 { query[parts[0]] = parts[1] }
    }
    let dags = path.lastIndex(of: "dags")
    let dagID = dags.flatMap { path.indices.contains($0 + 1) ? path[$0 + 1] : nil } ?? query["dag_id"]
    guard let dagID else { return nil }
    if let dags, path.indices.contains(dags + 3), path[dags + 2] == "runs" { return (dagID, path[dags + 3]) }
    return (query["dag_run_id"] ?? query["run_id"]).map { (dagID, $0) }
  }

  private static func decoded(_ text: String, plusIsSpace: Bool) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return String(lossless: bytes)
  }
}
