import ExecutionModel
import JSONText

@testable import AirflowSource
@testable import Correlation

/// What Airflow stored in an XCom or a rendered field: JSON as Python writes it, jsonb, or a pickle; and the links that
/// follow from it for every kind of operator.
enum XComsTarget {
  private static let operators = [
    "DbtCloudRunJobOperator", "DbtCloudJobRunSensor", "DbtCloudGetJobRunArtifactOperator", "DbtCloudListJobsOperator",
    "PythonOperator", "MyDbtCloudRunJobOperator",
  ]

  static func run(_ input: [UInt8]) {
    let content = input.withUnsafeBytes { StoredValue.content($0) }
    let stored = StoredValue(input)
    must(content == stored.content, "the short way reads what the long way does")
    checkText(String(decoding: input, as: UTF8.self))
    for value in [stored.rawJSON] {
      do {
        let again = try JSONValue(parsing: value.text)
        must(again.rawJSON == value, "stored JSON is canonical")
      } catch {
        must(false, "stored JSON can be read: \(error)")
      }
    }
    for name in operators { checkLinks(name, content) }
  }

  private static func checkLinks(_ name: String, _ content: XCom.Content) {
    let start = Instant(microseconds: 0)
    let attempt = KnownAttempt(
      key: AttemptKey(taskID: "t", mapIndex: -1, tryNumber: 1), startDate: start,
      endDate: start.advanced(bySeconds: 60), operatorName: name, state: "success")
    let run = DagRun(key: DagRunKey(instance: "fuzz", dagID: "d", runID: "r"), sourceID: 1)
    for key in RunXComKey.allCases {
      var snapshot = DagRunSnapshot(run: run)
      snapshot.xcoms = [
        XCom(taskID: "t", mapIndex: -1, key: key.rawValue, timestamp: start.advanced(bySeconds: 10), content: content)
      ]
      if case .json(let json) = content {
        snapshot.renderedFields = [RenderedFields(taskID: "t", mapIndex: -1, fields: json)]
      }
      let links = proposeLinks(for: snapshot, known: [attempt])
      must(links == proposeLinks(for: snapshot, known: [attempt]), "the same evidence gives the same links")
      for link in links {
        must(link.target.map { $0.runID > 0 } ?? true, "the id of a run is positive")
        must(link.evidence.allSatisfy { $0.value.count <= 255 }, "evidence is short")
      }
    }
  }

  private static func checkText(_ text: String) {
    if let run = RunURL.parse(text) {
      must(run.runID > 0 && !(run.host ?? "").isEmpty, "an address of a run has its id and host")
    }
    _ = CauseParent(text)
    _ = AirflowCause.namesAnother(text, dagID: "d", taskID: "t")
    must(AirflowCause.standard(dagID: text, taskID: text).unicodeScalars.count <= 255, "a cause is cut")
  }
}
