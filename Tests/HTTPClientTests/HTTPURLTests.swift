import Testing

@testable import HTTPClient

@Suite struct HTTPURLTests {
  @Test(arguments: [
    ("https://user:pass@Cloud.getdbt.com/api/v2/?limit=1#top", "https://Cloud.getdbt.com/api/v2/"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"), ("https://h/%20?", "https://h/%20"),
  ])
  func whatIsPrintedHasNoUserNoQueryAndNoFragment(text: String, printable: String) throws {
    #expect(try #require(HTTPURL(text)).printable == printable)
  }

  @Test(arguments: [
    ("http://127.0.0.1/", true), ("http://127.9.9.9:1/", true), ("http://localhost:80/", true),
    ("http://[::1]:9/", true),
    ("http://a.localhost/", true), ("http://127.evil.example/", false), ("http://localhost.example/", false),
    ("https://10.0.0.1/", false), ("http://[::2]/", false),
  ])
  func theMachineItselfIsKnown(text: String, isLoopback: Bool) throws {
    #expect(try #require(HTTPURL(text)).isLoopback == isLoopback)
  }
}
