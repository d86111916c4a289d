import HTTPClient
import Testing

@Suite struct SecretMaskTests {
  private func masked(_ text: String, _ secrets: String...) -> String {
    String(decoding: SecretMask(secrets).masked(Array(text.utf8)), as: UTF8.self)
  }

  @Test func aSecretIsMaskedHoweverItIsSpelled() {
    let secret = "abc/def+ghi=="
    #expect(masked("Bearer abc/def+ghi== refused", secret) == "Bearer *** refused")
    #expect(masked(#""abc\/def+ghi==""#, secret) == #""***""#)
    #expect(masked("?t=abc%2Fdef%2Bghi%3D%3D&x", secret) == "?t=***&x")
  }

  @Test func whatBeginsLikeALongSecretIsMaskedToo() {
    #expect(masked("token 0123456789abcd… is unknown", "0123456789abcdefgh") == "token ***… is unknown")
    #expect(masked("cut 0123456789ab", "0123456789abcdefgh") == "cut ***")
    #expect(masked("run 0123456789 of 01234", "0123456789abcdefgh") == "run 0123456789 of 01234")
  }

  @Test func severalAreMaskedAndTheLongestFirst() {
    #expect(masked("s3cr3t s3cr3t-long x", "s3cr3t", "s3cr3t-long") == "*** *** x")
    #expect(masked("plain", "") == "plain")
    #expect(masked("aaaa", "aa") == "******")
  }
}
