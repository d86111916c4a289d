import HTTPClient
import Testing

@Suite struct HTTPErrorTests {
  @Test func whatWouldFailAgainIsNotSafeToRetry() {
    for kind in [HTTPError.Kind.tooLarge, .redirect, .invalidRequest, .cancelled] {
      #expect(!HTTPError(kind, "").isSafeToRetry)
    }
    for kind in [
      HTTPError.Kind.resolve, .connect, .tls, .timeout, .truncated, .protocolError, .write, .other,
    ] {
      #expect(HTTPError(kind, "").isSafeToRetry)
    }
  }

  @Test func theDescriptionNamesTheURLWhereThereIsOne() {
    #expect(HTTPError(.connect, "refused", url: "http://h/").description == "http://h/: refused")
    #expect(HTTPError(.tooLarge, "too much").description == "too much")
  }
}
