import Correlation
import ExecutionModel
import FoundationEssentials
import JSONText

/// Reproducible random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

func at(_ seconds: Double) -> Instant { Instant(microseconds: Int64(seconds * 1e6)) }

func known(
  _ task: String = "t", map: Int = -1, try tryNumber: Int = 1, start: Double?, end: Double? = nil,
  operator name: String? = "PythonOperator", state: String? = "success"
) -> KnownAttempt {
  KnownAttempt(
    key: AttemptKey(taskID: task, mapIndex: map, tryNumber: tryNumber), startDate: start.map(at), endDate: end.map(at),
    operatorName: name, state: state)
}

func xcom(_ key: String, _ json: String, task: String = "t", map: Int = -1, at time: Double = 10) -> XCom {
  XCom(taskID: task, mapIndex: map, key: key, timestamp: at(time), content: .json(RawJSON(json)))
}

func rendered(_ json: String, task: String = "t", map: Int = -1) -> RenderedFields {
  RenderedFields(taskID: task, mapIndex: map, fields: RawJSON(json))
}

func snapshot(_ xcoms: [XCom] = [], rendered: [RenderedFields] = []) -> DagRunSnapshot {
  let key = DagRunKey(instance: "prod", dagID: "d", runID: "r")
  return DagRunSnapshot(run: DagRun(key: key, sourceID: 1), xcoms: xcoms, renderedFields: rendered)
}

/// What one task of that operator with those XComs, started at 0, is linked to.
func links(
  _ name: String?, _ xcoms: XCom..., rendered: [RenderedFields] = [], state: String? = "success"
) -> [LinkProposal] {
  proposeLinks(
    for: snapshot(xcoms, rendered: rendered), known: [known(start: 0, end: 60, operator: name, state: state)])
}

/// A file below `Tests/Fixtures`.
func fixture(_ path: String, from file: String = #filePath) throws -> String {
  let folder = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
  return String(
    decoding: try Data(contentsOf: folder.appendingPathComponent("Fixtures").appendingPathComponent(path)),
    as: UTF8.self)
}
