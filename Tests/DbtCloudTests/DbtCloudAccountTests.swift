import Testing

@testable import DbtCloud

@Suite struct DbtCloudAccountTests {
  private func account(_ url: String, allowsPlainHTTP: Bool = false) throws(DbtCloudError) -> DbtCloudAccount {
    try DbtCloudAccount(
      name: "a", accountID: 1, url: url, token: { "t" }, allowsPlainHTTP: allowsPlainHTTP)
  }

  private static let schemeHostAndPortAreKeptCases: [(String, String, String)] = [
    ("https://ab123.us1.dbt.com", "https://ab123.us1.dbt.com", "ab123.us1.dbt.com"),
    ("https://Cloud.GetDbt.com/", "https://cloud.getdbt.com", "cloud.getdbt.com"),
    ("HTTPS://emea.dbt.com:8443", "https://emea.dbt.com:8443", "emea.dbt.com"),
    ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "127.0.0.1"),
    ("http://localhost:9000/", "http://localhost:9000", "localhost"),
    ("http://[::1]:9000", "http://[::1]:9000", "[::1]"),
  ]
  @Test(arguments: schemeHostAndPortAreKeptCases)
  func schemeHostAndPortAreKept(_ url: String, _ expected: String, _ host: String) throws {
    let account = try account(url)
    #expect(account.url == expected)
    #expect(account.host == host)
  }

  @Test(arguments: [
    "", "cloud.getdbt.com", "ftp://cloud.getdbt.com", "https://", "https:///x", "https://a b.com",
    "https://host/api/v2", "https://host?x=1", "https://host#x", "https://host:0", "https://host:70000",
    "https://host:",
    "https://[::1", "https://[::1]x", "https://[x]:1", "http://cloud.getdbt.com", "http://127.evil.com",
    "http://127.0.0.1.x",
  ])
  func otherURLsAreRefused(_ url: String) {
    let error = #expect(throws: DbtCloudError.self) { _ = try account(url) }
    #expect(error?.kind == .invalidURL)
    #expect(error?.isRetryable == false)
    #expect(error?.description.contains("dbt_cloud[].url") == true)
  }

  @Test func aPasswordInTheURLIsNotRepeated() {
    let error = #expect(throws: DbtCloudError.self) { _ = try account("https://user:hunter2@host?token=hunter2") }
    #expect(error?.description.contains("hunter2") == false)
    #expect(error?.description.contains("https://host") == true)
  }

  @Test func plainHTTPElsewhereNeedsToBeAllowed() throws {
    #expect(try account("http://dbt.internal", allowsPlainHTTP: true).url == "http://dbt.internal")
  }
}
