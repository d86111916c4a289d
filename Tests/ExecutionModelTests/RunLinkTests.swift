import ExecutionModel
import Testing

@Suite struct RunLinkTests {
  @Test func confidenceGrowsFromAmbiguousToExact() {
    #expect(Confidence.allCases.shuffled().sorted() == [.ambiguous, .inferred, .strong, .exact])
    #expect(!(Confidence.strong < .strong))
  }

  @Test func namesAreThoseOfTheRecord() {
    #expect(
      Set(Relation.allCases.map(\.rawValue)) == ["triggered", "reused", "retried", "waited_for", "read_artifacts"])
    #expect(Set(Confidence.allCases.map(\.rawValue)) == ["exact", "strong", "inferred", "ambiguous"])
  }
}
