import ExecutionModel
import JSONText
import Testing

@testable import Correlation

@Suite struct RunXComTests {
  private func finding(_ content: XCom.Content, _ key: RunXComKey = .jobRunID) -> Finding? {
    Finding(XCom(taskID: "t", mapIndex: -1, key: key.rawValue, timestamp: at(0), content: content), key: key)
  }

  @Test(arguments: [("50019003", "50019003"), ("\"50019003\"", "50019003"), ("\" 50019003 \"", " 50019003 ")])
  func anIDIsReadAsNumberAndAsText(_ example: (json: String, value: String)) {
    let found = finding(.json(RawJSON(example.json)))
    #expect(found?.run == DbtRunReference(runID: 50_019_003))
    #expect(found?.evidence == Evidence(kind: "xcom_job_run_id", value: example.value))
  }

  @Test func anAddressIsReadUnderEveryKey() {
    for key in RunXComKey.allCases {
      let found = finding(.json(RawJSON("\"https://h/deploy/1/projects/2/runs/3/\"")), key)
      #expect(found?.run == DbtRunReference(host: "h", accountID: 1, projectID: 2, runID: 3))
      #expect(found?.evidence.kind == key.evidenceKind)
    }
  }

  @Test(arguments: ["null", "\"\"", "\"  \""]) func nothingIsNoEvidence(_ json: String) {
    #expect(finding(.json(RawJSON(json))) == nil)
  }

  private static let unresolved: [(XCom.Content, String, String)] = [
    (
      .json(RawJSON("\"file:///tmp/x/5a86\"")),
      "XCom job_run_id holds a reference to object storage, which is not followed", "file:///tmp/x/5a86"
    ),
    (
      .json(RawJSON("\"s3://bucket/key?X-Amz-Signature=hunter2\"")),
      "XCom job_run_id holds a reference to object storage, which is not followed", "s3://bucket/key"
    ),
    (
      .json(RawJSON("\"gs://user:hunter2@bucket/key\"")),
      "XCom job_run_id holds a reference to object storage, which is not followed", "gs://bucket/key"
    ),
    (.json(RawJSON("\"hello\"")), "XCom job_run_id holds text that names no dbt Cloud run", "hello"),
    (
      .json(RawJSON("\"https://h/other\"")), "XCom job_run_id holds text that names no dbt Cloud run", "https://h/other"
    ),
    (.json(RawJSON("-5")), "XCom job_run_id holds a number that is no run id", "-5"),
    (.json(RawJSON("5.5")), "XCom job_run_id holds a number that is no run id", "5.5"),
    (
      .json(RawJSON("99999999999999999999")), "XCom job_run_id holds a number that is no run id", "99999999999999999999"
    ),
    (.json(RawJSON("{\"a\":1}")), "XCom job_run_id holds a value that names no dbt Cloud run", "{\"a\":1}"),
    (.json(RawJSON("true")), "XCom job_run_id holds a value that names no dbt Cloud run", "true"),
    (.json(RawJSON("{broken")), "XCom job_run_id holds text that is not valid JSON", "{broken"),
    (
      .opaque(kind: "pickle", bytes: 88), "XCom job_run_id holds 88 bytes of pickle, which is not read",
      "pickle, 88 bytes"
    ),
    (.tooLarge(bytes: 5_000_000), "XCom job_run_id holds 5000000 bytes, more than is read", "5000000 bytes"),
  ]

  @Test(arguments: unresolved) func whatNamesNoRunSaysWhy(
    _ example: (content: XCom.Content, reason: String, value: String)
  ) {
    let found = finding(example.content)
    #expect(found?.run == nil)
    #expect(found?.reason == example.reason)
    #expect(found?.evidence.value == example.value)
  }

  @Test func evidenceIsCutTo200Characters() {
    let found = finding(.json(RawJSON("\"" + String(repeating: "é", count: 500) + "\"")))
    #expect(found?.evidence.value.count == 200)
    #expect(found?.evidence.value.hasSuffix("é…") == true)
  }

  private static let addresses = [
    ("s3://u:pw@b/k?X-Sig=1", "s3://b/k"), ("what?s3://u:pw@b", "what?s3://b"), ("https://h/a@b", "https://h/a@b"),
    ("https://h/#/a?b", "https://h/#/a"), ("://", "://"), ("://@", "://"), ("a://?@", "a://"),
    ("plain?x@y", "plain?x@y"),
  ]

  @Test(arguments: addresses) func evidenceHoldsNoCredentials(_ example: (value: String, kept: String)) {
    #expect(presentable(example.value) == example.kept)
  }

  @Test func noValueOfAnyKindStopsTheProgram() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let pieces = [
      "://", "@", "?", "/", "#", "s3", ":", "\u{301}", "\r\n", "\u{200D}", "é", "\"", "\\", "0", " ", "{", "[",
    ]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      for key in RunXComKey.allCases { _ = finding(.json(RawJSON(text)), key) }
      _ = finding(.json(JSONValue.string(text).rawJSON))
      #expect(presentable(text).count <= 200, "seed \(seed)")
    }
  }
}
