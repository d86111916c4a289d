import ExecutionModel
import FoundationEssentials
import JSONText
import Records
import Testing

@Suite struct RecordEncoderTests {
  /// A record with everything, one with nothing (whatever is absent is null), and one of a dbt run alone.
  @Test func theBytesAreThoseOfTheContract() throws {
    let path = projectFolder.appendingPathComponent("Tests/Fixtures/records/golden.ndjson")
    let golden = String(decoding: try Data(contentsOf: path), as: UTF8.self).split(separator: "\n")
    let written = [fullRecord(), bareRecord(), dbtOnlyRecord()].map { text($0) }
    #expect(golden.count == written.count)
    for (golden, written) in zip(golden, written) {
      // Member by member, so that a difference can be seen.
      #expect(
        written.replacing(",\"", with: ",\n\"").split(separator: "\n")
          == golden.replacing(",\"", with: ",\n\"").split(separator: "\n"))
    }
  }

  @Test func aDbtRunWithoutAnAttemptHasNoDagRun() throws {
    let record = try JSONValue(parsing: text(dbtOnlyRecord()))
    #expect(record["kind"] == .string("dbt_run") && record["key"] == .string(dbtKey.description))
    for name in ["instance", "airflow_version", "removed", "dag", "dag_run"] { #expect(record[name] == .null) }
    #expect(record["attempts"] == .array([]))
    #expect(record["dbt_runs"]?.arrayValue?.count == 1)
  }

  @Test func theSameFactsGiveTheSameBytesInWhateverOrderTheyCome() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    var record = fullRecord()
    for index in 0..<40 {
      let key = AttemptKey(taskID: "t\(index % 7)", mapIndex: index % 3 - 1, tryNumber: index / 21)
      var attempt = TaskAttempt(key: key, isCurrent: false)
      attempt.startDate = index % 4 == 0 ? nil : at(Double(index % 5))
      record.attempts.append(LinkedAttempt(attempt: attempt))
      let run = DbtRun(key: .cloud(host: "h", accountID: 1, runID: Int64(index + 1)), status: "running")
      record.dbtRuns.append(run)
    }
    let bytes = text(record)
    for _ in 0..<50 {
      record.attempts.shuffle(using: &random)
      record.dbtRuns.shuffle(using: &random)
      record.header.history.shuffle(using: &random)
      for index in record.attempts.indices {
        record.attempts[index].links.shuffle(using: &random)
        for link in record.attempts[index].links.indices {
          record.attempts[index].links[link].evidence.shuffle(using: &random)
          record.attempts[index].links[link].candidates.shuffle(using: &random)
        }
      }
      #expect(text(record) == bytes, "seed \(seed)")
    }
  }

  @Test func attemptsThatNeverStartedComeLast() throws {
    var record = bareRecord()
    var started = TaskAttempt(key: AttemptKey(taskID: "z", mapIndex: -1, tryNumber: 1), isCurrent: true)
    started.startDate = at(1)
    record.attempts.append(LinkedAttempt(attempt: started))
    let order = try JSONValue(parsing: text(record))["attempts"]?.arrayValue?.map { $0["task_id"]?.stringValue }
    #expect(order == ["z", "t"])
  }

  @Test func aStreamedRecordIsTheWholeRecord() {
    for record in [fullRecord(), bareRecord(), dbtOnlyRecord()] {
      var encoder = RecordEncoder()
      var bytes: [UInt8] = []
      encoder.begin(record.header)
      bytes += encoder.takeBytes()
      for linked in record.attempts {
        encoder.attempt(linked)
        bytes += encoder.takeBytes()
      }
      encoder.endAttempts(unseen: record.unseenTries)
      for run in record.dbtRuns {
        encoder.beginDbtRun(run)
        bytes += encoder.takeBytes()
        for step in run.steps {
          encoder.step(step)
          bytes += encoder.takeBytes()
        }
      }
      encoder.end()
      encoder.newline()
      bytes += encoder.takeBytes()
      #expect(String(decoding: bytes, as: UTF8.self) == text(record) + "\n")
    }
  }

  @Test func oneEncoderWritesManyLines() {
    var encoder = RecordEncoder()
    for _ in 0..<3 {
      encoder.begin(bareRecord().header)
      encoder.endAttempts(unseen: [])
      encoder.end()
      encoder.newline()
    }
    let lines = String(decoding: encoder.takeBytes(), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 3 && Set(lines).count == 1)
  }

  @Test func aRunWithoutStepsAndARunAfterItAreTwo() throws {
    var encoder = RecordEncoder()
    encoder.begin(bareRecord().header)
    encoder.endAttempts(unseen: [])
    encoder.beginDbtRun(DbtRun(key: dbtKey, status: "queued"))
    encoder.beginDbtRun(DbtRun(key: dbtKey, status: "running"))
    encoder.end()
    let record = try JSONValue(parsing: String(decoding: encoder.takeBytes(), as: UTF8.self))
    #expect(record["dbt_runs"]?.arrayValue?.map { $0["steps"] } == [.array([]), .array([])])
  }

  @Test func onlyAnAmbiguousLinkListsCandidates() throws {
    let links = try JSONValue(parsing: text(fullRecord()))["attempts"]?.arrayValue?.first?["dbt_runs"]?.arrayValue
    #expect(links?.map { $0["candidates"] != nil } == [false, true])
    #expect(links?.last?["key"] == .null)
  }

  @Test func hostileTextStaysInsideItsString() throws {
    let hostile = "\"}],\n\u{0}\u{1F}\\ é 👩‍👩‍👧 \u{2028} ]]>"
    var record = bareRecord()
    record.attempts[0].attempt.key.taskID = hostile
    record.attempts[0].attempt.note = hostile
    let line = text(record)
    #expect(!line.contains("\n"))
    let attempt = try JSONValue(parsing: line)["attempts"]?.arrayValue?.first
    #expect(attempt?["task_id"] == .string(hostile) && attempt?["note"] == .string(hostile))
  }

  @Test func numbersOfAConfKeepTheirText() {
    var record = bareRecord()
    record.header.run?.conf = RawJSON(#"{"a":1.50,"b":12345678901234567890123,"c":1e400}"#)
    for conf in [RecordOptions.Conf.keep, .redact] {
      #expect(
        text(record, options: RecordOptions(conf: conf)).contains(
          #""conf":{"a":1.50,"b":12345678901234567890123,"c":1e400}"#))
    }
    #expect(text(record, options: RecordOptions(conf: .drop)).contains("\"conf\":null"))
  }
}
