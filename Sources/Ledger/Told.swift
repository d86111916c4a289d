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

  static let columns = "start_told, end_told, end_transition"
  static let count = 3
  /// How many events were told, of a row.
  static let countOfRow = """
    (CASE WHEN start_told IS NULL THEN 0 ELSE 1 END + CASE WHEN end_told IS NULL THEN 0 ELSE 1 END)
    """

  init() {}

  init(_ columns: inout Columns) {
    start = columns.optionalInstant()
    end = columns.optionalInstant()
    transition = columns.optionalText().flatMap(ExecutionEvent.Transition.init(rawValue:))
  }

  func bind(to binder: inout Binder) {
    binder(start)
    binder(end)
    binder(transition?.rawValue)
  }

  /// A START was told, and its end is still owed.
  var isUnderWay: Bool { start != nil && transition == nil }

  /// As the rules want to know it.
  var transitions: Set<ExecutionEvent.Transition> {
    Set([start == nil ? nil : .start, transition].compactMap(\.self))
  }

  mutating func note(_ events: [ExecutionEvent]) {
    for event in events {
      if event.transition.isTerminal {
        (end, transition) = (event.time, event.transition)
      } else {
        start = event.time
      }
    }
  }

  mutating func note(_ due: DueEvents) {
    if let time = due.start { start = time }
    if let last = due.end { (end, transition) = (last.time, last.transition) }
  }

  /// The same events again.
  func events(about subject: ExecutionEvent.Subject) -> [ExecutionEvent] {
    var events: [ExecutionEvent] = []
    if let start { events.append(ExecutionEvent(subject: subject, transition: .start, time: start)) }
    if let end, let transition {
      events.append(ExecutionEvent(subject: subject, transition: transition, time: end))
    }
    return events
  }
}
