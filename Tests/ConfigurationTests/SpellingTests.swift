import Testing

@testable import Configuration

struct SpellingTests {
  static let words = ["poll_interval", "password_file", "role", "url", "name", "account_id"]

  @Test(arguments: [
    ("poll_intervall", "poll_interval"), ("pollinterval", "poll_interval"), ("poll-interval", "poll_interval"),
    ("POLL_INTERVAL", "poll_interval"), ("rloe", "role"), ("rol", "role"), ("ulr", "url"), ("acount_id", "account_id"),
    ("password", "password_file"), ("uri", "url"),
  ])
  func aSlipFindsItsWord(_ slip: String, _ word: String) {
    #expect(Spelling.nearest(to: slip, among: Self.words) == word)
  }

  @Test(arguments: ["", "x", "zzz", "frequency", "sslmode", String(repeating: "a", count: 5000)])
  func anythingElseFindsNone(_ word: String) {
    #expect(Spelling.nearest(to: word, among: Self.words) == nil)
    #expect(Spelling.suggestion(for: word, among: Self.words) == "")
  }

  @Test func theNearestOfSeveralWins() {
    #expect(Spelling.nearest(to: "token_fil", among: ["token_command", "token_file", "token"]) == "token_file")
    #expect(Spelling.suggestion(for: "tokn", among: ["token"]) == "; did you mean token?")
  }
}
