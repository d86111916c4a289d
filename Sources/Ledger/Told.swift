import ExecutionModel
import Records
import Storage

/// The events that were made of one run id: a START and a terminal one at most. Kept in the row that they speak of, so
/// that nothing is told twice, and so that a sink that comes later is told the same.
struct Told: Hashable {
  private(set) var start: Instant?
  private(set) var end: Instant?
  /// The terminal event, if there was one.
  private(set) var transition: ExecutionEvent.Transition?
  /// Under which marks they were told while some sink's outbox was at its limit; nil at all other times.
  private var startMark: Int64?
  private var endMark: Int64?

  static let columns = "start_told, end_told, end_transition, start_mark, end_mark"
  static let count = 5
  /// How many events were told, of a row.
  static let countOfRow = """
    (CASE WHEN start_told IS NULL THEN 0 ELSE 1 END + CASE WHEN end_told IS NULL THEN 0 ELSE 1 END)
    """

  init() {}

  init(_ columns: inout Columns) {
    start = columns.optionalInstant()
    end = columns.optionalInstant()
    transition = columns.optionalText().flatMap(ExecutionEvent.Transition.init(rawValue:))
    startMark = columns.optionalInteger()
    endMark = columns.optionalInteger()
  }

  func bind(to binder: inout Binder) {
    binder(start)
    binder(end)
    binder(transition?.rawValue)
    binder(startMark)
    binder(endMark)
  }

  /// A START was told, and its end is still owed.
  var isUnderWay: Bool { start != nil && transition == nil }

  /// As the rules want to know it.
  var transitions: Set<ExecutionEvent.Transition> {
    Set([start == nil ? nil : .start, transition].compactMap(\.self))
  }

  /// - Parameter mark: that of the transaction, while some sink's outbox is at its limit.
  mutating func note(_ events: [ExecutionEvent], mark: Int64?) {
    for event in events {
      if event.transition.isTerminal {
        (end, transition, endMark) = (event.time, event.transition, mark)
      } else {
        (start, startMark) = (event.time, mark)
      }
    }
  }

  mutating func note(_ due: DueEvents, mark: Int64?) {
    if let time = due.start { (start, startMark) = (time, mark) }
    if let last = due.end { (end, transition, endMark) = (last.time, last.transition, mark) }
  }

  /// The same events again.
  /// - Parameter mark: only those that were told under this mark or a later one; nil for all.
  func events(about subject: ExecutionEvent.Subject, since mark: Int64? = nil) -> [ExecutionEvent] {
    var events: [ExecutionEvent] = []
    if let start, mark.map({ startMark ?? 0 >= $0 }) ?? true {
      events.append(ExecutionEvent(subject: subject, transition: .start, time: start))
    }
    if let end, let transition, mark.map({ endMark ?? 0 >= $0 }) ?? true {
      events.append(ExecutionEvent(subject: subject, transition: transition, time: end))
    }
    return events
  }
}
