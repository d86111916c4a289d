import Testing

@testable import Sinks

struct OpenLineageEndpointTests {
  @Test(arguments: [
    ("https://h/api/v1/lineage", "https://h/api/v1/lineage/batch"),
    ("https://h/api/v1/lineage/", "https://h/api/v1/lineage/batch"),
    ("https://h/lineage?key=a/b", "https://h/lineage/batch?key=a/b"), ("https://h", "https://h/batch"),
  ])
  func batchesGoBesideSingleEvents(_ url: String, _ expected: String) {
    #expect(OpenLineageSink.Endpoint(url: url, token: nil).batchURL == expected)
  }
}
