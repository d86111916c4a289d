import ExecutionModel
import Testing

@testable import Ledger

@Suite(.eachDriver) struct EvidenceWriterTests {
  private func keep(_ evidence: [Evidence], in bench: Bench) async throws {
    var link = proposal(attempt("running"), 71)
    link.evidence = evidence
    try await bench.apply(run("running"), [attempt("running")], links: [link])
  }

  @Test func whatIsSeenAgainIsKeptOnceAndWhatIsNewStandsBehind() async throws {
    let bench = try await Bench()
    try await keep([.init(kind: "a", value: "1"), .init(kind: "a", value: "1")], in: bench)
    try await keep(
      [.init(kind: "b", value: "1"), .init(kind: "a", value: "1"), .init(kind: "a", value: "2")], in: bench)
    let kept = try bench.query("SELECT kind || value || position FROM evidence ORDER BY position")
    #expect(kept == ["a11", "b12", "a23"])
  }

  @Test func whatOnlySwiftTakesForTheSameTextIsKeptTwice() async throws {
    let bench = try await Bench()
    let (composed, decomposed) = ("\u{E9}", "e\u{301}")
    #expect(composed == decomposed)
    try await keep([.init(kind: "a", value: composed)], in: bench)
    try await keep([.init(kind: "a", value: decomposed)], in: bench)
    #expect(try bench.query("SELECT count(*) FROM evidence") == ["2"])
  }
}
