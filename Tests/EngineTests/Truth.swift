import JSONText
import TestServers
import Testing

/// Which try of which task instance started which dbt run, as the stand-in that served a real Airflow saw it. Judges
/// records by plain reading, with nothing of the program's own.
struct Truth {
  struct Try: Hashable, CustomStringConvertible {
    var dagID: String
    var runID: String
    var taskID: String
    var mapIndex: Int64
    var number: Int64
    var description: String { "\(dagID)/\(runID) \(taskID)[\(mapIndex)] try \(number)" }
  }

  struct DbtRun: Hashable {
    var account: Int64
    var id: Int64
  }

  /// What records say, held against the truth.
  struct Verdict: Equatable {
    /// Current tries that are linked to the run that they started, by confidence.
    var exact = 0
    var strong = 0
    /// Current tries that found a run of another task of the same DAG run under way.
    var reused = 0
    /// Earlier tries that are linked to the run that they started.
    var earlier = 0
    /// Tries that are linked by inference to the run that they started.
    var inferred = 0
    /// Tries whose run is one of several that a link names and picks none of.
    var ambiguous = 0
    /// Links to a run that the try did not start, or that it did not find, or was not sure about.
    var wrong: [String] = []
    /// Reasons of links without a run.
    var unresolved: [String] = []
  }

  private(set) var started: [Try: Set<DbtRun>] = [:]
  private var starters: [DbtRun: Try] = [:]

  init(_ version: String) throws {
    let rows = try #require(
      try JSONValue(parsing: try Fixtures.read("airflow/dumps/\(version).truth.json")).arrayValue)
    for row in rows {
      let one = Try(
        dagID: try #require(row["dag_id"]?.stringValue), runID: try #require(row["run_id"]?.stringValue),
        taskID: try #require(row["task_id"]?.stringValue), mapIndex: try #require(row["map_index"]?.integerValue),
        number: try #require(row["try_number"]?.integerValue))
      let run = DbtRun(
        account: try #require(row["dbt_account_id"]?.integerValue), id: try #require(row["dbt_run_id"]?.integerValue))
      started[one, default: []].insert(run)
      starters[run] = one
    }
  }

  /// The one run that a task has started.
  func run(of taskID: String) -> DbtRun? { started.first { $0.key.taskID == taskID }?.value.first }

  func judge(_ records: [String]) throws -> Verdict {
    var verdict = Verdict()
    for text in records {
      let record = try JSONValue(parsing: text)
      let fetched = Set((record["dbt_runs"]?.arrayValue ?? []).compactMap { $0["key"]?.stringValue })
      for attempt in try #require(record["attempts"]?.arrayValue) {
        let one = Try(
          dagID: try #require(record["dag_run"]?["dag_id"]?.stringValue),
          runID: try #require(record["dag_run"]?["run_id"]?.stringValue),
          taskID: try #require(attempt["task_id"]?.stringValue),
          mapIndex: try #require(attempt["map_index"]?.integerValue),
          number: try #require(attempt["try_number"]?.integerValue))
        for link in try #require(attempt["dbt_runs"]?.arrayValue) {
          try judge(link, of: one, isCurrent: attempt["current"]?.boolValue == true, fetched: fetched, into: &verdict)
        }
      }
    }
    return verdict
  }

  private func judge(
    _ link: JSONValue, of one: Try, isCurrent: Bool, fetched: Set<String>, into verdict: inout Verdict
  ) throws {
    let relation = try #require(link["relation"]?.stringValue)
    let confidence = try #require(link["confidence"]?.stringValue)
    guard let key = link["key"]?.stringValue else {
      if confidence == "ambiguous" {
        let candidates = Set((link["candidates"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(Self.run) })
        if candidates.isDisjoint(with: started[one] ?? []) {
          verdict.wrong.append("\(one) ambiguous without its run: \(link.rawJSON.text)")
        } else {
          verdict.ambiguous += 1
        }
        return
      }
      verdict.unresolved.append("\(one): \(link["unresolved"]?.stringValue ?? "no reason")")
      return
    }
    let said = "\(one) \(relation) \(confidence) \(key)"
    guard let run = Self.run(key), starters[run] != nil, fetched.contains(key) else {
      return verdict.wrong.append(said)
    }
    switch relation {
    case "triggered", "retried":
      guard started[one]?.contains(run) == true else { return verdict.wrong.append(said) }
      switch (isCurrent, confidence) {
      case (true, "exact"): verdict.exact += 1
      case (true, "strong"): verdict.strong += 1
      case (false, "exact"), (false, "strong"): verdict.earlier += 1
      case (_, "inferred"): verdict.inferred += 1
      default: verdict.wrong.append(said)
      }
    case "reused":
      guard let starter = starters[run], starter != one, starter.dagID == one.dagID, starter.runID == one.runID,
        started[one] == nil
      else { return verdict.wrong.append(said) }
      verdict.reused += 1
    case "waited_for", "read_artifacts":
      // Such a task starts nothing.
      if started[one] != nil { verdict.wrong.append(said) }
    default: verdict.wrong.append(said)
    }
  }

  private static func run(_ key: String) -> DbtRun? {
    let parts = key.split(separator: "/")
    guard let account = parts.dropLast().last.flatMap({ Int64($0) }), let id = parts.last.flatMap({ Int64($0) }) else {
      return nil
    }
    return DbtRun(account: account, id: id)
  }
}
