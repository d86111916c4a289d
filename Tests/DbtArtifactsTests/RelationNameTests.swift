import Testing

@testable import DbtArtifacts

@Suite struct RelationNameTests {
  @Test(arguments: [
    (#""a"."b"."c""#, "a.b.c"), ("`a`.`b`.`c`", "a.b.c"), ("[a].[b].[c]", "a.b.c"), ("a.b", "a.b"), ("", nil),
    (#""a ""b"""."#, #"a "b"."#), (#""open"#, "open"),
  ])
  func quotesOfEveryAdapterAreTakenOff(_ quoted: String, _ expected: String?) {
    #expect(RelationName.unquoted(quoted) == expected)
  }
}
