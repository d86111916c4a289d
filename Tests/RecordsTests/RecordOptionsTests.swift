import ExecutionModel
import JSONText
import Records
import Testing

@Suite struct RecordOptionsTests {
  private func step(_ statuses: [String], _ options: RecordOptions) throws -> (results: [String?], freshness: [String?])
  {
    var record = bareRecord()
    record.dbtRuns[0].steps[0].results = statuses.map { DbtNodeResult(uniqueID: "model.a.\($0)", status: $0) }
    record.dbtRuns[0].steps[0].freshness = statuses.map { DbtFreshness(uniqueID: "source.a.\($0)", status: $0) }
    let run = try JSONValue(parsing: text(record, options: options))["dbt_runs"]?.arrayValue?.first
    let step = run?["steps"]?.arrayValue?.first
    return (
      step?["results"]?.arrayValue?.map { $0["status"]?.stringValue } ?? [],
      step?["freshness"]?.arrayValue?.map { $0["status"]?.stringValue } ?? []
    )
  }

  private let statuses = [
    "success", "pass", "warn", "skipped", "no-op", "reused", "error", "fail", "runtime error", "partial success",
    "brand new",
  ]

  @Test func failedLeavesOutWhatWentWellAndKeepsWhatIsNotKnown() throws {
    let failed = ["error", "fail", "runtime error", "partial success", "brand new"]
    let written = try step(statuses, RecordOptions(results: .failed))
    #expect(written.results == failed && written.freshness == failed)
  }

  @Test func allAndNoneAreWhatTheySay() throws {
    #expect(try step(statuses, RecordOptions(results: .all)).results == statuses)
    let none = try step(statuses, RecordOptions(results: .none))
    #expect(none.results.isEmpty && none.freshness.isEmpty)
  }

  @Test func droppedMessagesAreNowhereInTheRecord() {
    var record = fullRecord()
    record.dbtRuns[0].statusMessage = "canary-1"
    record.dbtRuns[0].steps[0].results[0].message = "canary-2"
    record.dbtRuns[0].steps[0].freshness[0].error = "canary-3"
    #expect(text(record).components(of: "canary-") == 3)
    #expect(text(record, options: RecordOptions(messages: .drop)).components(of: "canary-") == 0)
  }
}

extension String {
  fileprivate func components(of needle: String) -> Int { ranges(of: needle).count }
}
