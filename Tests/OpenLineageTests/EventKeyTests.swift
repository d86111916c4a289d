import Testing

@testable import OpenLineage

struct EventKeyTests {
  @Test func itIsTheDigestOfTheBytes() throws {
    // From sha256sum.
    #expect(
      try OpenLineage.EventKey.of(Array(#"{"a":1}"#.utf8))
        == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862")
    #expect(
      try OpenLineage.EventKey.of([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }
}
