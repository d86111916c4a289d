import Testing

@testable import DbtArtifacts

@Suite struct RelationNameTests {
  private static let quotesOfEveryAdapterAreTakenOffCases: [(String, String?)] = [
    (#""a"."b"."c""#, "a.b.c"), ("`a`.`b`.`c`", "a.b.c"), ("[a].[b].[c]", "a.b.c"), ("a.b", "a.b"), ("", nil),
    (#""a ""b"""."#, #"a "b"."#), (#""open"#, "open"),
  ]
  @Test(arguments: quotesOfEveryAdapterAreTakenOffCases)
  func quotesOfEveryAdapterAreTakenOff(_ quoted: String, _ expected: String?) {
    #expect(RelationName.unquoted(quoted) == expected)
  }
}
