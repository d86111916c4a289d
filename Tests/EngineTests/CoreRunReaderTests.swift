import ExecutionModel
import FoundationEssentials
import Ledger
import SQLite
import TestServers
import Testing

@testable import Engine

struct CoreRunReaderTests {
  private let folder: TemporaryFolder
  private let reader: CoreRunReader

  init() throws {
    folder = try TemporaryFolder()
    reader = CoreRunReader(reader: ArtifactReader(), folder: try WorkFolder())
  }

  private func copy(_ name: String, from fixture: String) throws {
    let target = folder.file(name)
    try? FileManager.default.removeItem(atPath: target)
    try FileManager.default.copyItem(atPath: Fixtures.path("dbt/1.12-postgres/\(fixture)/\(name)"), toPath: target)
  }

  private func read(isFinal: Bool = false) async throws -> CoreRunReader.Outcome {
    try await reader.read(ArtifactFiles(folder: folder.path), name: "nightly", isFinal: isFinal)
  }

  @Test func aWholeSetIsARun() async throws {
    for name in ["manifest.json", "run_results.json"] { try copy(name, from: "07_build") }
    let found = try await read()
    #expect(found.runs.count == 1 && !found.isUnfinished && found.problems.isEmpty)
    #expect(found.runs.first?.steps.first?.manifest == .fetched)
  }

  @Test func aSetOfTwoInvocationsIsWaitedForAndThenTakenWithoutTheManifest() async throws {
    try copy("manifest.json", from: "03_run")
    try copy("run_results.json", from: "07_build")
    let early = try await read()
    #expect(early.runs.isEmpty && early.isUnfinished && early.problems.isEmpty)
    let late = try await read(isFinal: true)
    #expect(late.runs.count == 1)
    #expect(late.lacks.values.first?.contains("another invocation") == true)
    #expect(late.runs.first?.steps.first?.manifest == .invalid && late.runs.first?.steps.first?.nodes.isEmpty == true)
  }

  @Test(arguments: [1, 10, 50, 90, 99])
  func aFileThatIsHalfWrittenIsWaitedFor(percent: Int) async throws {
    for name in ["manifest.json", "run_results.json"] { try copy(name, from: "07_build") }
    let text = try #require(FileManager.default.contents(atPath: folder.file("run_results.json")))
    let half = String(decoding: text.prefix(text.count * percent / 100), as: UTF8.self)
    try folder.write(half, to: "run_results.json")
    let early = try await read()
    #expect(early.runs.isEmpty && early.isUnfinished && early.problems.isEmpty)
    let late = try await read(isFinal: true)
    #expect(late.runs.isEmpty && late.problems.contains { $0.contains("run_results.json") })
  }

  @Test func aRunWhoseManifestIsBrokenSaysSo() async throws {
    for name in ["manifest.json", "run_results.json"] { try copy(name, from: "07_build") }
    try folder.write("{\"metadata\": {", to: "manifest.json")
    let late = try await read(isFinal: true)
    #expect(late.runs.first?.steps.first?.manifest == .invalid)
    #expect(late.problems.contains { $0.contains("manifest.json is broken") && $0.contains("not used") })
    #expect(!late.problems.contains { $0.contains("dbt Cloud") })
  }

  @Test func resultsAndFreshnessOfTwoInvocationsAreTwoRuns() async throws {
    for name in ["manifest.json", "run_results.json"] { try copy(name, from: "07_build") }
    try copy("sources.json", from: "09_source_freshness")
    let found = try await read(isFinal: true)
    #expect(found.runs.count == 2 && Set(found.runs.map(\.key)).count == 2)
  }

  @Test func whatDocsGenerateHasWrittenIsNoRun() async throws {
    for name in ["manifest.json", "run_results.json"] { try copy(name, from: "08_docs_generate") }
    let found = try await read()
    #expect(found.runs.isEmpty && found.problems.isEmpty && !found.isUnfinished)
    #expect(found.remarks.contains { $0.contains("has no results") })
  }

  @Test func anEmptyFolderIsNothing() async throws {
    let found = try await read(isFinal: true)
    #expect(found.runs.isEmpty && found.problems.isEmpty)
  }

  // MARK: Large projects

  /// A chain of models.
  private func write(models: Int, bytesOfSQL: Int, manifestOf invocation: String = "5f2c") throws {
    let sql = String(repeating: "s", count: bytesOfSQL)
    let nodes = (0..<models).map { number in
      let parents = number > 0 ? "\"model.p.m\(number - 1)\"" : ""
      return #""model.p.m\#(number)":{"name":"m\#(number)","schema":"s","depends_on":{"nodes":[\#(parents)]},"#
        + #""raw_code":"\#(sql)","columns":{"id":{"name":"id","description":"of \#(number)"}}}"#
    }
    let rows = (0..<models).map { #"{"unique_id":"model.p.m\#($0)","status":"success"}"# }
    let tables = (0..<models).map { #""model.p.m\#($0)":{"columns":{"ID":{"name":"ID","type":"INT"}}}"# }
    func metadata(_ id: String) -> String { #""metadata":{"invocation_id":"\#(id)","project_name":"p"}"# }
    try folder.write(
      "{\(metadata(invocation)),\"nodes\":{\(nodes.joined(separator: ","))}}", to: "manifest.json")
    try folder.write("{\(metadata("5f2c")),\"results\":[\(rows.joined(separator: ","))]}", to: "run_results.json")
    try folder.write("{\"nodes\":{\(tables.joined(separator: ","))}}", to: "catalog.json")
  }

  /// What stands in a new ledger when the run was read: of each result its node and what that reads.
  private func rows(keepingNodesMeanwhile isMeanwhile: Bool) async throws -> [String] {
    let path = folder.file("ledger-\(isMeanwhile).db")
    let ledger = Ledger(path: path, purpose: .syncing)
    try await ledger.open()
    let meanwhile: CoreRunReader.KeepNodes = { try await ledger.keep($0) }
    let found = try await reader.read(
      ArtifactFiles(folder: folder.path), name: "n", isFinal: true, keep: isMeanwhile ? meanwhile : nil)
    #expect(found.problems.isEmpty)
    try await ledger.keepComplete(core: try #require(found.runs.first), nodes: found.kept)
    await ledger.close()
    return try SQLiteDatabase(path: path, mode: .readOnly).prepare(
      """
      SELECT quote(n.unique_id) || quote(n.columns) || quote(n.depends_on) || quote(r.status) || quote((
        SELECT group_concat(i.unique_id) FROM json_each(r.inputs) j JOIN dbt_node i ON i.id = j.value))
      FROM dbt_result r JOIN dbt_node n ON n.id = r.node ORDER BY r.position
      """
    ).rows { $0.text(0) }
  }

  /// The last project is so large that its nodes are kept while its manifest is still read.
  @Test(arguments: [(10, 0), (2500, 0), (6000, 1600)])
  func theRunIsTheSameHoweverItsNodesAreKept(_ models: Int, bytesOfSQL: Int) async throws {
    try write(models: models, bytesOfSQL: bytesOfSQL)
    let rows = try await rows(keepingNodesMeanwhile: true)
    #expect(rows.count == models)
    #expect(rows[7].contains("INT") && rows[7].contains("of 7") && rows[7].contains("model.p.m6"), "\(rows[7])")
    #expect(try await self.rows(keepingNodesMeanwhile: false) == rows)
  }

  @Test func aLargeManifestOfAnotherInvocationTellsNothingOfTheRun() async throws {
    try write(models: 6000, bytesOfSQL: 1600, manifestOf: "other")
    let rows = try await rows(keepingNodesMeanwhile: true)
    #expect(rows.count == 6000 && rows.allSatisfy { !$0.contains("INT") && $0.contains("NULL") }, "\(rows.first ?? "")")
    #expect(try await self.rows(keepingNodesMeanwhile: false) == rows)
  }
}
