import Testing

@testable import Configuration

struct EndpointURLTests {
  @Test(
    arguments: [
      ("https://ab123.us1.dbt.com", "https", "ab123.us1.dbt.com", nil, ""),
      ("HTTPS://Host.Example:8443/api/v1/lineage", "https", "host.example", 8443, "/api/v1/lineage"),
      ("http://127.0.0.1:5000/", "http", "127.0.0.1", 5000, "/"),
      ("http://[::1]:80/x?y=1", "http", "::1", 80, "/x"),
      ("https://user:pw@host/p", "https", "host", nil, "/p"),
    ] as [(String, String, String, Int?, String)])
  func isTakenApart(_ text: String, _ scheme: String, _ host: String, _ port: Int?, _ path: String) throws {
    let url = try EndpointURL(parsing: text)
    #expect(url.scheme == scheme && url.host == host && url.port == port && url.path == path && url.text == text)
  }

  @Test(arguments: [
    "", "host", "host/path", "ftp://host", "https:/host", "https://", "https:///path", "https://host:0",
    "https://host:",
    "https://host:65536", "https://host:a", "https://ho st", "https://host/a b", "https://höst", "https://host#x",
    "https://[::1", "https://[zz]", "https://[::1]x", "https://host\u{0}", "https://host/\n", "https://a\\b",
    "https://@",
    "javascript:alert(1)", "https://ho%73t",
  ])
  func anythingElseIsRefused(_ text: String) {
    #expect(throws: EndpointURL.Problem.self) { try EndpointURL(parsing: text) }
  }

  @Test(arguments: [
    ("http://localhost", true), ("http://127.9.9.9:1", true), ("http://[::1]", true), ("http://LOCALHOST:80", true),
    ("http://localhost.evil", false), ("http://127.0.0.1.evil", false), ("http://10.0.0.1", false),
    ("http://localhost@evil", false), ("http://128.0.0.1", false),
  ])
  func loopbackIsThisMachineOnly(_ text: String, _ isLoopback: Bool) throws {
    #expect(try EndpointURL(parsing: text).isLoopback == isLoopback)
  }

  @Test func printingItShowsNeitherUserNorQuery() throws {
    let url = try EndpointURL(parsing: "https://me:hunter2@host:1/p?code=hunter2")
    #expect(url.description == "https://host:1/p?***")
    var dumped = ""
    dump(url, to: &dumped)
    #expect(!dumped.contains("hunter2") && !"\([url])".contains("hunter2"))
  }
}
