import ExecutionModel

/// Where an attempt stands and what it is sorted by, which is that of `AttemptKey`: small and without references, for
/// moving and comparing whole attempts costs more than making them.
struct AttemptOrder {
  /// Where the attempt, or the row that it is made of, stands before it is sorted.
  let position: Int
  let mapIndex: Int
  let tryNumber: Int
  /// The first bytes of the task's id; two that differ are in the order of the ids.
  private let beginning: (UInt64, UInt64)

  init(_ position: Int, _ taskID: String, _ mapIndex: Int, _ tryNumber: Int) {
    self.position = position
    self.mapIndex = mapIndex
    self.tryNumber = tryNumber
    beginning = taskID.leadingBytes
  }

  /// - Parameter compareTasks: the whole ids, as `String.compareBytes(with:)` does it.
  func precedes(_ other: AttemptOrder, compareTasks: () -> Int) -> Bool {
    if beginning.0 != other.beginning.0 { return beginning.0 < other.beginning.0 }
    if beginning.1 != other.beginning.1 { return beginning.1 < other.beginning.1 }
    let order = compareTasks()
    if order != 0 { return order < 0 }
    return (mapIndex, tryNumber) < (other.mapIndex, other.tryNumber)
  }
}
