import ExecutionModel
import Testing

@testable import AirflowSource

@Suite struct AttemptOrderTests {
  @Test func theOrderIsThatOfTheKeys() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed)
    for _ in 0..<300 {
      let keys = (0..<20).map { _ in
        // Around the length of the beginnings that are compared as numbers, with a byte above 0x7F and one of zero.
        let shared = String(repeating: "a", count: [0, 7, 8, 15, 16, 17].randomElement(using: &random) ?? 0)
        let tail = (0..<Int.random(in: 0...2, using: &random)).map { _ in
          ["a", "b", "é", "\0", "~"].randomElement(using: &random) ?? ""
        }
        return AttemptKey(
          taskID: shared + tail.joined(), mapIndex: Int.random(in: -1...1, using: &random),
          tryNumber: Int.random(in: 0...2, using: &random))
      }
      let order = keys.enumerated().map { AttemptOrder($0, $1.taskID, $1.mapIndex, $1.tryNumber) }
      let sorted = order.sorted { left, right in
        left.precedes(right) { keys[left.position].taskID.compareBytes(with: keys[right.position].taskID) }
      }
      #expect(sorted.map { keys[$0.position] } == keys.sorted(), "seed \(seed)")
    }
  }
}
