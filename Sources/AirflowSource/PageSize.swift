/// How many runs a page or slice takes: halved when the database is too slow for it, down to a single run, and grown back
/// slowly, a thirty-second of the maximum with each page that went well. Pure.
public struct PageSize: Hashable, Sendable {
  /// The most that a page takes; at least 1.
  public let maximum: Int
  /// What the next page takes.
  public private(set) var current: Int

  public init(maximum: Int) {
    self.maximum = max(maximum, 1)
    current = self.maximum
  }

  /// After a page that went well.
  public mutating func grow() { current = min(maximum, current + max(1, maximum / 32)) }

  /// After a page that failed.
  ///
  /// - Returns: whether a smaller page may succeed at once: the database was too slow, and the page had more than one run.
  public mutating func shrink(after error: AirflowSourceError) -> Bool {
    guard error.isTooSlow, current > 1 else { return false }
    current /= 2
    return true
  }
}
