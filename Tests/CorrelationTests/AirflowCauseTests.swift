import Testing

@testable import Correlation

@Suite struct AirflowCauseTests {
  @Test func theStandardCauseIsThatOfTheProvider() {
    #expect(
      AirflowCause.standard(dagID: "dbt_matrix", taskID: "grp.run_in_group")
        == "Triggered via Apache Airflow by task 'grp.run_in_group' in the dbt_matrix DAG.")
  }

  /// What Python 3 answers to `repr(text)`.
  @Test(arguments: [
    ("run", "'run'"), ("it's", "\"it's\""), ("say \"x\"", "'say \"x\"'"), ("it's \"x\"", "'it\\'s \"x\"'"),
    ("a\\b", "'a\\\\b'"), ("a\nb\tc\r", "'a\\nb\\tc\\r'"), ("\u{0}\u{7F}", "'\\x00\\x7f'"), ("é", "'é'"),
    ("\u{AD}", "'\\xad'"), ("\u{2028}", "'\\u2028'"), ("\u{A0}", "'\\xa0'"), ("\u{E000}", "'\\ue000'"),
    ("\u{1F600}", "'\u{1F600}'"), ("\u{E0001}", "'\\U000e0001'"), ("e\u{301}", "'e\u{301}'"), ("", "''"),
  ])
  func textIsQuotedAsPythonDoesIt(_ text: String, _ expected: String) { #expect(PythonText.repr(text) == expected) }

  @Test func aLongCauseIsCutAt255CharactersAsPythonCountsThem() {
    let standard = AirflowCause.standard(dagID: "d", taskID: String(repeating: "e\u{301}", count: 200))
    #expect(standard.unicodeScalars.count == 255)
    #expect(AirflowCause.cut(String(repeating: "x", count: 255)).count == 255)
    #expect(AirflowCause.cut("short") == "short")
  }

  @Test func anotherTasksCauseIsTold() {
    let cause = AirflowCause.standard(dagID: "d", taskID: "t")
    #expect(!AirflowCause.namesAnother(cause, dagID: "d", taskID: "t"))
    #expect(AirflowCause.namesAnother(cause, dagID: "d", taskID: "u"))
    #expect(AirflowCause.namesAnother(cause, dagID: "e", taskID: "t"))
    for unclear in ["nightly", "", "{}", "{\"parent\": 1}", "Triggered via Apache Airflow by hand"] {
      #expect(!AirflowCause.namesAnother(unclear, dagID: "d", taskID: "t"))
    }
    let json = #"{"parent":{"run":{"runId":"0"},"job":{"namespace":"default","name":"d.t"}}}"#
    #expect(!AirflowCause.namesAnother(json, dagID: "d", taskID: "t"))
    #expect(AirflowCause.namesAnother(json, dagID: "d", taskID: "u"))
  }

  @Test func aParentIsReadFromTheCauseAndFromNothingElse() {
    let cause = #"{"parent":{"run":{"runId":"01A1"},"job":{"namespace":"default","name":"d.t"}},"root":{}}"#
    #expect(CauseParent(cause)?.runID == "01a1")
    #expect(CauseParent(cause)?.jobName == "d.t")
    let deep = String(repeating: "{\"parent\":", count: 100_000)
    for other in ["", "{", "[]", "text", "{\"parent\":{}}", #"{"parent":{"run":{"runId":""}}}"#, deep] {
      #expect(CauseParent(other) == nil)
    }
  }
}
