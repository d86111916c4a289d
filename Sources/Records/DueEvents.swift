import ExecutionModel

/// What is to be told of one run id: its start, its end, both or nothing.
public struct DueEvents: Hashable, Sendable {
  /// How and when it ended.
  public struct End: Hashable, Sendable {
    /// Everything but ``ExecutionEvent/Transition/start``.
    public var transition: ExecutionEvent.Transition
    public var time: Instant

    public init(transition: ExecutionEvent.Transition, time: Instant) {
      self.transition = transition
      self.time = time
    }
  }

  public var start: Instant?
  public var end: End?

  public init(start: Instant? = nil, end: End? = nil) {
    self.start = start
    self.end = end
  }

  public var count: Int { (start == nil ? 0 : 1) + (end == nil ? 0 : 1) }

  /// The same as events, in order.
  public func events(about subject: ExecutionEvent.Subject) -> [ExecutionEvent] {
    var events: [ExecutionEvent] = []
    if let start { events.append(ExecutionEvent(subject: subject, transition: .start, time: start)) }
    if let end { events.append(ExecutionEvent(subject: subject, transition: end.transition, time: end.time)) }
    return events
  }
}
