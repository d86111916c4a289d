import Testing

@testable import Sinks

struct AnswerTextTests {
  @Test func secretsThatABackendRepeatsAreNotKept() {
    let answer = Array(#"{"error":"bad token s3cr3t-token","seen":"Bearer s3cr3t-token"}"#.utf8)
    #expect(
      AnswerText.beginning(answer, limit: 4096, hiding: ["s3cr3t-token"])
        == #"{"error":"bad token ***","seen":"Bearer ***"}"#)
  }

  @Test func aSecretAcrossTheLimitIsNotKeptInPart() {
    let answer = Array("0123456789s3cr3t".utf8)
    #expect(AnswerText.beginning(answer, limit: 12, hiding: ["s3cr3t"]) == "0123456789**")
  }

  @Test func noSecretHidesNothing() {
    #expect(AnswerText.beginning(Array("plain".utf8), limit: 10, hiding: [""]) == "plain")
  }

  @Test func aLineHasNoLineBreaksAndNoTerminalCommands() {
    let answer = Array(" <html>\r\n\t<b>\u{1B}[2Jgone\u{7}</b>\u{2028}end\u{0}".utf8)
    #expect(AnswerText.line(answer, limit: 200, hiding: []) == "<html> <b> [2Jgone </b> end")
  }

  @Test func bytesThatAreNoTextAreShownAsSuch() {
    #expect(AnswerText.line([0x61, 0xFF, 0x62], limit: 200, hiding: []) == "a\u{FFFD}b")
  }
}
