import ExecutionModel
import Records
import Testing

@Suite struct KeptWordsTests {
  private let conf = RawJSON(#"{"token":"x","a":1,"openlineage":{"parentRunId":"r"}}"#)

  @Test func confIsKeptRedactedOrDropped() {
    func kept(_ policy: RecordOptions.Conf, _ conf: RawJSON?) -> String? {
      KeptWords(conf: policy, messages: .keep).kept(conf)?.text
    }
    #expect(kept(.keep, conf) == conf.text)
    #expect(kept(.redact, conf) == #"{"token":"***","a":1,"openlineage":{"parentRunId":"r"}}"#)
    // Which run is the parent decides about events.
    #expect(kept(.drop, conf) == #"{"openlineage":{"parentRunId":"r"}}"#)
    #expect(kept(.drop, RawJSON(#"{"a":"openlineage"}"#)) == nil)
    #expect(kept(.redact, nil) == nil)
  }

  @Test func messagesAreKeptRedactedOrDropped() throws {
    var run = DbtRun(key: .core(name: "n", invocationID: "i"), status: "success")
    run.statusMessage = "password=x"
    func kept(_ policy: RecordOptions.Messages) -> String? {
      KeptWords(conf: .keep, messages: policy).kept(run).statusMessage
    }
    #expect(kept(.keep) == "password=x")
    #expect(kept(.redact) == "password=***")
    #expect(kept(.drop) == nil)
  }

  @Test func evidenceIsAlwaysRedacted() {
    #expect(KeptWords(conf: .keep, messages: .drop).kept(evidence: "api_key=x") == "api_key=***")
  }

  @Test func otherRulesHaveAnotherName() {
    let rules = [
      KeptWords(conf: .keep, messages: .keep), KeptWords(conf: .redact, messages: .keep),
      KeptWords(conf: .keep, messages: .drop), KeptWords(conf: .keep, messages: .keep, names: ["b"]),
    ].map(\.rules)
    #expect(Set(rules).count == 4)
    #expect(
      KeptWords(conf: .keep, messages: .keep, names: ["a", "b"]).rules
        == KeptWords(conf: .keep, messages: .keep, names: ["b", "a"]).rules)
  }
}
