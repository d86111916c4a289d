/// What is put off because too much waits for a sink, or because the ledger has grown too large. Nothing is dropped at any
/// of them: what is put off is done when there is room again.
public enum RoomLevel: Int, Comparable, Sendable, CaseIterable {
  /// Nothing is.
  case free = 0
  /// Loading history.
  case historyPaused = 1
  /// Making items for the sink, too: what is told waits beside the rows that it speaks of.
  case eventsHeld = 2
  /// Reading, too.
  case readingStopped = 3

  public static func < (left: RoomLevel, right: RoomLevel) -> Bool { left.rawValue < right.rawValue }
}

/// At which share of its limit something is put off, and at which it goes on: lower, so that it does not go to and fro.
struct RoomRules: Sendable {
  struct Step: Sendable {
    var level: RoomLevel
    var begins: Double
    var ends: Double
  }

  /// From the lowest level on.
  var steps: [Step]

  /// Of the outbox of one sink.
  static let outbox = RoomRules(steps: [
    Step(level: .historyPaused, begins: 0.8, ends: 0.6), Step(level: .eventsHeld, begins: 1, ends: 0.8),
  ])
  /// Of the ledger as a whole.
  static let ledger = RoomRules(steps: [
    Step(level: .historyPaused, begins: 0.8, ends: 0.75), Step(level: .eventsHeld, begins: 0.9, ends: 0.85),
    Step(level: .readingStopped, begins: 1, ends: 0.95),
  ])

  /// - Parameters:
  ///   - share: of the limit, 1 for all of it.
  ///   - before: the level until now.
  func level(share: Double, before: RoomLevel) -> RoomLevel {
    steps.last { share >= (before >= $0.level ? $0.ends : $0.begins) }?.level ?? .free
  }
}
