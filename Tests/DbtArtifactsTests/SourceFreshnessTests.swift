import ExecutionModel
import Testing

@testable import DbtArtifacts

@Suite struct SourceFreshnessTests {
  @Test func aSourceWhoseQueryFailedKeepsItsError() throws {
    let read = try SourceFreshness(path: Folders.path("1.7-postgres/09_source_freshness", .sources))
    #expect(read.rows.map(\.status) == ["pass", "runtime error", "error", "warn"])
    let failed = try #require(read.rows.first { $0.status == "runtime error" })
    #expect(failed.error?.contains("does not exist") == true)
    #expect(failed.maxLoadedAt == nil)
    #expect(failed.ageSeconds == nil)
  }

  private static let anotherShapeIsRefusedWithItsPlaceCases: [(String, String)] = [
    (#"{}"#, ""), (#"{"results":7}"#, "results"), (#"{"results":[{"status":"pass"}]}"#, "results[0].unique_id"),
  ]
  @Test(arguments: anotherShapeIsRefusedWithItsPlaceCases)
  func anotherShapeIsRefusedWithItsPlace(_ text: String, _ place: String) throws {
    let error = #expect(throws: ArtifactError.self) { _ = try freshness(text) }
    #expect(error?.kind == .unexpectedShape)
    #expect(error?.place == place)
    #expect(error?.artifact == "sources.json")
  }
}
