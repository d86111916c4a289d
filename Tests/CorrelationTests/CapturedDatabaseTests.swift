import Correlation
import ExecutionModel
import JSONText
import Testing

/// What a real Airflow wrote, and which attempt really triggered which dbt run. See Tests/Fixtures/correlation.
struct CapturedDatabase: CustomTestStringConvertible {
  struct Attempt: Hashable {
    var dagID: String
    var runID: String
    var key: AttemptKey
  }
  var version: String
  var snapshots: [DagRunSnapshot] = []
  /// The dbt runs that each attempt triggered.
  var truth: [Attempt: Set<Int64>] = [:]
  /// When each dbt run was created.
  var createdAt: [Int64: Instant] = [:]

  var testDescription: String { version }

  static func all() throws -> [CapturedDatabase] { try ["2.6.3", "2.11.2", "3.3.2"].map { try CapturedDatabase($0) } }

  init(_ version: String) throws {
    self.version = version
    let file = try JSONValue(parsing: try fixture("correlation/\(version).json"), source: version)
    var runs: [DagRunKey: DagRunSnapshot] = [:]
    func rows(_ name: String) throws -> [(JSONValue, DagRunKey, AttemptKey)] {
      try #require(file[name]?.arrayValue).map { row in
        let dagID = try #require(row["dag_id"]?.stringValue)
        let run = DagRunKey(instance: "lab", dagID: dagID, runID: try #require(row["run_id"]?.stringValue))
        let key = AttemptKey(
          taskID: try #require(row["task_id"]?.stringValue),
          mapIndex: Int(try #require(row["map_index"]?.integerValue)),
          tryNumber: Int(row["try_number"]?.integerValue ?? 0))
        if runs[run] == nil { runs[run] = DagRunSnapshot(run: DagRun(key: run, sourceID: 1)) }
        return (row, run, key)
      }
    }
    func instant(_ value: JSONValue?) -> Instant? { value?.stringValue.flatMap { Instant($0) } }
    for (row, run, key) in try rows("attempts") {
      var attempt = TaskAttempt(key: key, isCurrent: true)
      attempt.operatorName = row["operator"]?.stringValue
      attempt.state = row["state"]?.stringValue
      attempt.startDate = instant(row["start_date"])
      attempt.endDate = instant(row["end_date"])
      runs[run]?.attempts.append(attempt)
    }
    for (row, run, key) in try rows("xcoms") {
      runs[run]?.xcoms.append(
        XCom(
          taskID: key.taskID, mapIndex: key.mapIndex, key: try #require(row["key"]?.stringValue),
          timestamp: try #require(instant(row["timestamp"])),
          content: .json(RawJSON(try #require(row["value"]?.stringValue)))))
    }
    for (row, run, key) in try rows("rendered") {
      runs[run]?.renderedFields.append(
        RenderedFields(taskID: key.taskID, mapIndex: key.mapIndex, fields: try #require(row["fields"]).rawJSON))
    }
    for (row, run, key) in try rows("truth") {
      let id = try #require(row["dbt_run_id"]?.integerValue)
      truth[Attempt(dagID: run.dagID, runID: run.runID, key: key), default: []].insert(id)
      createdAt[id] = at(try #require(row["triggered_at"]?.doubleValue))
    }
    snapshots = runs.values.sorted { $0.run.key.description < $1.run.key.description }
  }
}

@Suite struct CapturedDatabaseTests {
  struct Count: Equatable { var exact = 0, reused = 0, confirmed = 0, unresolved = 0, lost = 0, wrong: [String] = [] }

  private static let expected = [
    "2.6.3": Count(exact: 26, reused: 0, confirmed: 3, unresolved: 0),
    "2.11.2": Count(exact: 84, reused: 2, confirmed: 9, unresolved: 1, lost: 7),
    "3.3.2": Count(exact: 33, reused: 1, confirmed: 3, unresolved: 0, lost: 3),
  ]

  @Test(arguments: ["2.6.3", "2.11.2", "3.3.2"]) func everyAttemptIsLinkedToItsRunAndToNoOther(_ version: String) throws
  {
    let captured = try CapturedDatabase(version)
    var count = Count()
    for snapshot in captured.snapshots {
      let starts = Dictionary(uniqueKeysWithValues: snapshot.attempts.map { ($0.key, ($0.startDate, $0.endDate)) })
      for link in proposeLinks(for: snapshot, known: []) where link.relation == .triggered {
        let window = try #require(starts[link.attempt])
        guard let run = link.target?.runID else {
          if link.isCandidate {
            count.lost += 1
            continue
          }
          #expect(link.unresolved?.contains("object storage") == true)
          count.unresolved += 1
          continue
        }
        let attempt = CapturedDatabase.Attempt(
          dagID: snapshot.run.key.dagID, runID: snapshot.run.key.runID, key: link.attempt)
        let isTrue = captured.truth[attempt]?.contains(run) ?? false
        let created = captured.createdAt[run]
        if link.isCandidate {
          let verdict = confirm(candidate: link, createdAt: created, attemptStart: window.0, attemptEnd: window.1)
          guard verdict == .confirmed else { continue }
          if isTrue { count.confirmed += 1 } else { count.wrong.append("\(attempt) \(run)") }
        } else if relation(of: link.relation, createdAt: created, attemptStart: window.0) == .reused, !isTrue {
          #expect(link.attempt.taskID == "run_reuse")
          count.reused += 1
        } else if isTrue || link.attempt.taskID == "run_reuse" {
          // A run that was found under way within two seconds of its creation cannot be told from a new one.
          if isTrue { count.exact += 1 } else { count.reused += 1 }
        } else {
          count.wrong.append("\(attempt) \(run)")
        }
      }
    }
    #expect(count == Self.expected[version])
  }

  @Test(arguments: ["2.6.3", "2.11.2", "3.3.2"]) func sensorsAndArtifactOperatorsAreLinkedToWhatTheyRead(
    _ version: String
  ) throws {
    for snapshot in try CapturedDatabase(version).snapshots {
      let links = proposeLinks(for: snapshot, known: [])
      for attempt in snapshot.attempts where attempt.startDate != nil {
        let own = links.filter { $0.attempt == attempt.key }
        switch attempt.operatorName {
        case "DbtCloudJobRunSensor":
          #expect(own.map(\.relation) == [.waitedFor] && own.map(\.confidence) == [.strong])
        case "DbtCloudGetJobRunArtifactOperator": #expect(own.map(\.relation) == [.readArtifacts])
        case "DbtCloudListJobsOperator", "DbtCloudListJobRunsOperator", "BashOperator", "EmptyOperator":
          #expect(own.isEmpty)
        default: break
        }
      }
    }
  }

  @Test func dbtCloudIsAskedAboutNoMoreThanWhatSpeaksOfARun() throws {
    for captured in try CapturedDatabase.all() {
      let candidates = captured.snapshots.flatMap { proposeLinks(for: $0, known: []) }.filter {
        $0.isCandidate && $0.target != nil
      }
      #expect(candidates.count == Self.expected[captured.version]?.confirmed)
    }
  }
}
