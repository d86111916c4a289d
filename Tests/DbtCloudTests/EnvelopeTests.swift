import JSONText
import TestServers
import Testing

@testable import DbtCloud

@Suite struct EnvelopeTests {
  @Test func dataAndStatusAreReadInAnyOrder() throws {
    for text in [
      #"{"data":7,"status":{"code":200,"is_success":true}}"#, #"{"status":{"code":200},"data":7,"extra":{}}"#,
    ] {
      let read = try Envelope(Array(text.utf8), source: "s") { try $0.optionalInteger() }
      #expect(read.data == 7)
      #expect(read.code == 200)
    }
  }

  @Test(arguments: ["dbt-cloud/artifact_404.json", "dbt-cloud/unauthorized_401.json"])
  func errorsBearAMessageAndNoData(_ fixture: String) throws {
    let read = try Envelope(try Fixtures.read(fixture), source: "s") { try $0.optionalInteger() }
    #expect(read.data == nil)
    #expect(read.isSuccess == false)
    #expect(read.message?.isEmpty == false)
  }

  @Test func nullsEverywhereAreTaken() throws {
    let read = try Envelope(Array(#"{"status":null,"data":null}"#.utf8), source: "s") { try $0.optionalInteger() }
    #expect(read.code == nil)
    #expect(read.data == nil)
  }
}
