import FoundationEssentials
import JSONText
import Records
import Testing

/// docs/record.schema.json is what users validate records with.
@Suite struct RecordSchemaTests {
  private let schema: JSONSchema

  init() throws {
    let path = projectFolder.appendingPathComponent("docs").appendingPathComponent("record.schema.json")
    let file = String(decoding: try Data(contentsOf: path), as: UTF8.self)
    schema = JSONSchema(root: try JSONValue(parsing: file, source: "record.schema.json"))
  }

  private static var records: [ExecutionRecord] { [fullRecord(), bareRecord(), dbtOnlyRecord()] }

  @Test func everyRecordIsOfTheSchema() throws {
    for record in Self.records {
      for options in [RecordOptions(), RecordOptions(conf: .drop, messages: .drop, results: .none)] {
        #expect(schema.problems(try JSONValue(parsing: text(record, options: options))) == [])
      }
    }
  }

  @Test func everyFieldOfTheSchemaIsWritten() throws {
    // The full record has a value everywhere, so a field that the schema alone knows would be missing.
    let properties = schema.root["properties"]?.objectValue?.map(\.name)
    let written = try JSONValue(parsing: text(fullRecord())).objectValue?.map(\.name)
    #expect(properties == written)
    for (place, definition) in [
      ("attempts", "attempt"), ("dbt_runs", "dbt_run"),
    ] {
      let element = try JSONValue(parsing: text(fullRecord()))[place]?.arrayValue?.first
      #expect(
        element?.objectValue?.map(\.name) == schema.root["$defs"]?[definition]?["properties"]?.objectValue?.map(\.name))
    }
  }

  @Test func theCheckFindsWhatIsWrong() throws {
    let good = text(fullRecord())
    for (from, to) in [
      ("\"record_version\":1", "\"record_version\":2"), ("\"kind\":\"dag_run\"", "\"kind\":\"run\""),
      ("\"revision\":7", "\"revision\":\"7\""), ("\"revision\":7", "\"revision\":7.5"), ("\"revision\":7,", ""),
      ("\"revision\":7", "\"revision\":7,\"more\":1"), ("\"tags\":[\"dbt\"]", "\"tags\":[1]"),
      ("\"complete\":true", "\"complete\":null"), ("\"column\":\"id\"", "\"colum\":\"id\""),
      ("\"relation\":\"triggered\"", "\"relation\":\"caused\""),
    ] {
      let bad = good.replacing(from, with: to)
      #expect(bad != good)
      #expect(!schema.problems(try JSONValue(parsing: bad)).isEmpty, "\(to)")
    }
  }

  /// With `RECORDED_OUTPUT` set to a folder, what was checked here is left there for other validators.
  @Test func outputIsLeftForOtherValidatorsWhenAskedFor() throws {
    guard let folder = ProcessInfo.processInfo.environment["RECORDED_OUTPUT"] else { return }
    let lines = Self.records.map { text($0) + "\n" }.joined()
    try Data(lines.utf8).write(to: URL(fileURLWithPath: folder).appendingPathComponent("records.ndjson"))
  }
}
