import ExecutionModel

/// Which try of a task wrote an XCom.
///
/// Airflow keeps XComs by task instance, without a try (`xcom` has no such column in any version). A try's XComs are
/// deleted when the next try starts to run, not when the try fails and not at a clear: until then they stand beside a
/// live row that may already show the next try. So not the live row but the time of writing (`xcom.timestamp`)
/// decides: the XCom belongs to the last attempt that had started by then.
public enum XComAttribution {
  /// The attempt that wrote `xcom`; nil when no attempt of its task instance had started by then.
  ///
  /// An attempt without a start does not count, nor does try 0, which never ran. A try that ended without running after
  /// another one has that one's start: of two with the same start, the first wrote it. The map index must be the same: a mapped task's row turns from map
  /// index -1 to 0 when it is expanded, which is before it runs, so an attempt at -1 never wrote an XCom at 0.
  public static func attempt(of xcom: XCom, among attempts: some Sequence<KnownAttempt>) -> AttemptKey? {
    var last: (start: Instant, key: AttemptKey)?
    for attempt in attempts where attempt.key.taskID == xcom.taskID && attempt.key.mapIndex == xcom.mapIndex {
      guard let start = attempt.startDate, start <= xcom.timestamp, attempt.key.tryNumber > 0 else { continue }
      if let best = last, best.start > start || (best.start == start && best.key < attempt.key) { continue }
      last = (start, attempt.key)
    }
    return last?.key
  }

  /// Whether a try may have written `xcom` that nobody ever saw: between the last one known to have started before it
  /// and the first one after it, a number is missing.
  static func mayBeOfUnseenTry(_ xcom: XCom, among attempts: [KnownAttempt]) -> Bool {
    var before = 0
    var after: (start: Instant, number: Int)?
    for attempt in attempts where attempt.key.taskID == xcom.taskID && attempt.key.mapIndex == xcom.mapIndex {
      guard let start = attempt.startDate, attempt.key.tryNumber > 0 else { continue }
      if start <= xcom.timestamp {
        before = max(before, attempt.key.tryNumber)
      } else if after.map({ start < $0.start }) ?? true {
        after = (start, attempt.key.tryNumber)
      }
    }
    return after.map { $0.number > before + 1 } ?? false
  }
}
