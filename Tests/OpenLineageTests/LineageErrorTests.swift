import OpenLineage
import Testing

@Suite struct LineageErrorTests {
  @Test func everyErrorSaysWhatItIsAboutAndWhatToDo() {
    #expect(LineageError.noLogicalDate(Target.key).description.contains(Target.key.description))
    #expect(LineageError.noCreationTime(Target.dbtKey).description.contains("retry the delivery"))
    #expect(LineageError.digestUnavailable("MD5").description.contains("FIPS"))
    #expect(LineageError.wrongSubject(.dbtRun(Target.dbtKey)).description.contains("70001"))
  }
}
