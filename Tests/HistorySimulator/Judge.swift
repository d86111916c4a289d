import ExecutionModel
import JSONText

/// Compares the syncer's records with the truth.
public struct Judge: Sendable {
  /// Something that a record should say and does not, or says and should not.
  public struct Fault: Sendable, CustomStringConvertible {
    public var run: String
    public var what: String

    public init(run: String, what: String) {
      self.run = run
      self.what = what
    }

    public var description: String { "\(run): \(what)" }
  }

  private let truth: Truth
  /// Whether there were reads that the truth was not told of: they may have shown more.
  private let hasOtherReads: Bool
  private var faults: [Fault] = []

  private init(_ truth: Truth, hasOtherReads: Bool) {
    self.truth = truth
    self.hasOtherReads = hasOtherReads
  }

  /// - Parameters:
  ///   - records: lines of `runs list --json`.
  ///   - truth: what the simulator committed and the reads must have shown.
  ///   - hasOtherReads: whether there were reads that the truth was not told of.
  /// - Returns: every fault; empty when the records are right.
  public static func faults(
    in records: [String], against truth: Truth, hasOtherReads: Bool = false
  ) throws -> [Fault] {
    var judge = Judge(truth, hasOtherReads: hasOtherReads)
    var seen: Set<RunKey> = []
    // A run that was deleted and made again under its name has a record for each; the newest is the one that is there.
    var newest: [RunKey: (id: Int64, record: JSONValue, run: JSONValue)] = [:]
    for line in records {
      let record = try JSONValue(parsing: line, source: "record")
      guard let run = record["dag_run"], let dagID = run["dag_id"]?.stringValue, let runID = run["run_id"]?.stringValue,
        let id = run["id"]?.integerValue
      else {
        judge.faults.append(Fault(run: line, what: "is no record of a DAG run"))
        continue
      }
      let key = RunKey(dagID: dagID, runID: runID)
      if let known = newest[key] {
        if known.id == id { judge.fault(key, "has two records") }
        let gone = known.id < id ? known.record : record
        if gone["removed"] == .null {
          judge.fault(key, "was made again, and its first record does not say that it is gone")
        }
        if known.id > id { continue }
      }
      newest[key] = (id, record, run)
    }
    for (key, found) in newest {
      seen.insert(key)
      judge.judge(found.record, found.run, key)
    }
    for key in truth.shown.keys where !seen.contains(key) { judge.fault(key, "was shown and has no record") }
    return judge.faults
  }

  private mutating func fault(_ key: RunKey, _ what: String) {
    faults.append(Fault(run: key.description, what: what))
  }

  private mutating func judge(_ record: JSONValue, _ run: JSONValue, _ key: RunKey) {
    guard let past = truth.past[key] else { return fault(key, "was never committed") }
    guard let shown = truth.shown[key] else {
      if !hasOtherReads { fault(key, "has a record although no read showed it") }
      return
    }
    let isRemoved = record["removed"]?["kind"]?.stringValue
    // Where no run is left, nothing tells how they went.
    if (isRemoved == "deleted" || isRemoved == "unknown") != shown.isRemoved {
      fault(key, "removed is \(isRemoved ?? "null"), and it is \(shown.isRemoved ? "deleted" : "there")")
    }
    let current = Spell(run, id: run["id"]?.integerValue, note: run["note"]?.stringValue)
    if current != Spell(shown.run) { fault(key, "is \(current), last shown as \(Spell(shown.run))") }
    judgeHistory(run, current, past, shown, key)
    judgeAttempts(record["attempts"]?.arrayValue ?? [], past, shown, key)
  }

  // MARK: Runs

  /// The parts of a run that a clear begins anew.
  private struct Spell: Hashable, CustomStringConvertible {
    var id: Int64?
    var state: String?
    var clear: Int64?
    var queuedAt: Int64?
    var start: Int64?
    var end: Int64?
    var note: String?

    init(_ run: Truth.Run) {
      id = run.id
      state = run.state
      clear = run.clear.map(Int64.init)
      queuedAt = run.queuedAt
      start = run.start
      end = run.end
      note = run.note
    }

    init(_ json: JSONValue, id: Int64?, note: String?) {
      self.id = id
      self.note = note
      state = json["state"]?.stringValue
      clear = json["clear_number"]?.integerValue
      queuedAt = time(json["queued_at"])
      start = time(json["start_date"])
      end = time(json["end_date"])
    }

    /// Without what the history of a record does not have.
    var bare: Spell {
      var bare = self
      bare.id = nil
      bare.note = nil
      return bare
    }

    var description: String {
      "\(state ?? "null") id \(text(id)) clear \(text(clear)) queued \(text(queuedAt)) start \(text(start)) end \(text(end)) note \(note ?? "–")"
    }
  }

  private mutating func judgeHistory(
    _ run: JSONValue, _ current: Spell, _ past: Truth.Past, _ shown: Truth.Shown, _ key: RunKey
  ) {
    let history = (run["history"]?.arrayValue ?? []).map { Spell($0, id: nil, note: nil) }
    let committed = Set(past.runs.map { Spell($0).bare })
    for spell in history where !committed.contains(spell) { fault(key, "history has \(spell), which never was") }
    let told = Set(history + [current.bare])
    for end in shown.ends.values.map({ Spell($0).bare }) where !told.contains(end) {
      fault(key, "the end \(end) is missing")
    }
  }

  // MARK: Attempts

  private mutating func judgeAttempts(
    _ attempts: [JSONValue], _ past: Truth.Past, _ shown: Truth.Shown, _ key: RunKey
  ) {
    var found: Set<Truth.AttemptID> = []
    var current: Set<String> = []
    var links: Set<Truth.Link> = []
    for json in attempts {
      let id = Truth.AttemptID(
        taskID: json["task_id"]?.stringValue ?? "", mapIndex: Int(json["map_index"]?.integerValue ?? .min),
        number: Int(json["try_number"]?.integerValue ?? .min))
      if !found.insert(id).inserted { fault(key, "\(id) is there twice") }
      if json["current"]?.boolValue ?? false, !current.insert("\(id.taskID)[\(id.mapIndex)]").inserted {
        fault(key, "\(id) is not the only current try")
      }
      judge(json, id, past, shown, key)
      for link in json["dbt_runs"]?.arrayValue ?? [] {
        guard let name = link["key"]?.stringValue, let run = name.split(separator: "/").last.flatMap({ Int64($0) })
        else {
          fault(key, "\(id) has a link without a dbt run: \(link.rawJSON.text)")
          continue
        }
        links.insert(Truth.Link(attempt: id, dbtRun: run))
      }
    }
    for (id, attempt) in shown.attempts where !found.contains(id) {
      fault(key, "\(id) was shown as \(attempt.state ?? "null") and is missing")
    }
    let committed = past.links[shown.run.id] ?? []
    for link in links.subtracting(committed) { fault(key, "\(link.attempt) did not start dbt run \(link.dbtRun)") }
    for link in shown.links.subtracting(links) { fault(key, "\(link.attempt) lacks its dbt run \(link.dbtRun)") }
  }

  private mutating func judge(
    _ json: JSONValue, _ id: Truth.AttemptID, _ past: Truth.Past, _ shown: Truth.Shown, _ key: RunKey
  ) {
    let state = json["state"]?.stringValue
    let start = time(json["start_date"])
    let end = time(json["end_date"])
    let clear = json["clear_number"]?.integerValue.map { Int($0) }
    let told = "\(id) is \(state ?? "null"), start \(text(start)), end \(text(end))"
    let outcome = Truth.Past.Outcome(state: state, end: end)
    if !(past.outcomes[id] ?? []).contains(outcome) || !(past.starts[id] ?? []).contains(start) {
      fault(key, "\(told), which it never was")
    }
    if clear != nil, !(past.clears[id] ?? []).contains(clear) { fault(key, "\(id) has clear number \(text(clear))") }
    guard let expected = shown.attempts[id] else { return }
    // An earlier read may have shown an earlier start.
    let isStart = expected.start == start || hasOtherReads
    if expected.state != state || !isStart || expected.end != end {
      fault(
        key,
        "\(told), last shown as \(expected.state ?? "null"), start \(text(expected.start)), end \(text(expected.end))")
    }
    if let last = shown.last[id], last.isCurrent, last.note != json["note"]?.stringValue {
      fault(key, "\(id) has another note than \(last.note ?? "none")")
    }
  }
}

private func time(_ json: JSONValue?) -> Int64? {
  json?.stringValue.flatMap { Instant($0)?.microseconds }
}

private func text(_ value: (some BinaryInteger)?) -> String { value.map { "\($0)" } ?? "–" }
