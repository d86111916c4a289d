import ExecutionModel
import Testing

@Suite struct DagRunTests {
  @Test(arguments: [
    ("scheduled__2026-11-20T00:00:00+00:00", "prod/dbt_daily/scheduled__2026-11-20T00:00:00+00:00"),
    ("a/b//c", "prod/dbt_daily/a/b//c"), ("", "prod/dbt_daily/"), ("\n \u{FFFD}FF", "prod/dbt_daily/\n \u{FFFD}FF"),
  ]) func everythingAfterTheSecondSlashIsTheRunID(runID: String, key: String) {
    let text = DagRunKey(instance: "prod", dagID: "dbt_daily", runID: runID).description
    #expect(text == key)
    #expect(text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)[2] == runID)
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func differentKeysAreWrittenDifferently(seed: UInt64) {
    // Airflow allows letters, digits, dots, dashes and underscores in a dag_id, anything in a run_id.
    var random = Seeded(seed)
    func text(_ alphabet: String) -> String {
      String((0..<Int.random(in: 1...3, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
    }
    var seen: [String: DagRunKey] = [:]
    for _ in 0..<5_000 {
      let key = DagRunKey(instance: text("ab-_"), dagID: text("ab.-_"), runID: text("ab./"))
      #expect(seen[key.description].map { $0 == key } ?? true, "seed \(seed): \(key)")
      seen[key.description] = key
    }
  }

  @Test func keysThatDifferInBytesOnlyAreDifferentRuns() {
    // The same letter precomposed and decomposed: two rows in Postgres, but equal as Swift strings.
    let composed = DagRunKey(instance: "prod", dagID: "caf\u{E9}", runID: "r")
    let decomposed = DagRunKey(instance: "prod", dagID: "cafe\u{301}", runID: "r")
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
    #expect(
      DagRunKey(instance: "prod", dagID: "d", runID: "caf\u{E9}")
        != DagRunKey(instance: "prod", dagID: "d", runID: "cafe\u{301}"))
    #expect(composed == DagRunKey(instance: "prod", dagID: "caf\u{E9}", runID: "r"))
  }

  @Test(
    arguments: [
      ("queued", true), ("running", true), ("success", false), ("failed", false), ("restarting", false), (nil, false),
    ] as [(String?, Bool)]) func onlyQueuedAndRunningGoOnByThemselves(state: String?, isOpen: Bool)
  {
    var run = DagRun(key: DagRunKey(instance: "i", dagID: "d", runID: "r"), sourceID: 1)
    run.state = state
    #expect(run.isOpen == isOpen)
  }
}
