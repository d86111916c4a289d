import ExecutionModel
import FoundationEssentials
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
}
