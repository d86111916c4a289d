import ExecutionModel
import Glibc
import SQLite
import Storage

/// How full the ledger or the outbox of a sink is.
struct Room: Hashable, Sendable {
  var level = RoomLevel.free
  /// Since when it is at this level; nil while it is free.
  var since: Int64?
  var bytes: Int64 = 0
}

extension Ledger {
  /// How large the ledger may become.
  public func limit(bytes: Int64?) { bytesAtMost = bytes }

  /// What is put off at the moment: of the ledger as a whole, and by the outbox of a sink that is told of history.
  public func roomLevel() throws -> (ledger: RoomLevel, history: RoomLevel) {
    try measure()
    let sinks = sinks.filter(\.history).compactMap { rooms[$0.id]?.level }
    let ledger = rooms[Self.whole]?.level ?? .free
    return (ledger, max(ledger, sinks.max() ?? .free))
  }

  /// To be asked before something is read that would have to be kept.
  /// - Throws: ``LedgerError`` of kind `limit` while the ledger is at its limit.
  public func requireRoom() throws {
    try measure()
    guard rooms[Self.whole]?.level == .readingStopped, let bytesAtMost else { return }
    throw LedgerError(.limit(bytes: rooms[Self.whole]?.bytes ?? 0, atMost: bytesAtMost), path: path)
  }

  /// What has come to be put off, or done again, since this was asked last.
  public func roomChanges() throws -> [LedgerStatus.RoomChange] {
    try measure()
    return ([(Self.whole, nil)] + sinks.map { ($0.id, $0.name) }).compactMap { id, name in
      let room = rooms[id] ?? Room()
      guard roomsTold[id] ?? .free != room.level else { return nil }
      roomsTold[id] = room.level
      return LedgerStatus.RoomChange(sink: name, level: room.level, bytes: room.bytes)
    }
  }

  /// The ledger among the ``rooms``: no sink has this number.
  static let whole: Int64 = 0
  /// Microseconds between two looks at what is not known without asking.
  private static let measuringInterval: Int64 = 1_000_000
  /// Microseconds after which the outbox is counted anew: others may have changed it.
  private static let countingInterval: Int64 = 600_000_000

  /// Looks how full everything is, if that was not done just before.
  func measure() throws {
    guard needsMeasuring else { return }
    let now = now
    try guarded {
      let database = try current()
      try database.transaction { try measure(in: database, now: now) }
    }
  }

  /// Whatever the clock does: a look too many does no harm. A file with a limit is looked at each time, which costs next to
  /// nothing: much can be written in a second.
  private var needsMeasuring: Bool {
    guard purpose == .syncing, let measuredAt else { return purpose == .syncing }
    if bytesAtMost != nil, place.isFile { return true }
    return abs(now &- measuredAt) >= Self.measuringInterval
  }

  /// To be done at the start of every transaction that writes: sets what its items are made by.
  func beginTransaction(in database: any Database) throws {
    let now = now
    for sink in sinks { sink.meter.end(isKept: false) }
    if needsMeasuring {
      try measure(in: database, now: now)
    } else {
      // Bytes are known without asking, so that no transaction begins beyond the limit unnoticed.
      for sink in sinks where share(ofBytesOf: sink) >= 1 && rooms[sink.id]?.level != .eventsHeld {
        try measure(sink, in: database, now: now)
      }
    }
    guard sinks.contains(where: isHeld) else {
      if sinks.mark != nil { for index in sinks.indices { sinks[index].mark = nil } }
      return
    }
    try database.prepare("UPDATE outbox_mark SET mark = mark + 1").run()
    let mark = try database.integer("SELECT mark FROM outbox_mark")
    for index in sinks.indices { sinks[index].mark = isHeld(sinks[index]) ? mark : nil }
  }

  func endTransaction(isKept: Bool) { for sink in sinks { sink.meter.end(isKept: isKept) } }

  private func isHeld(_ sink: SinkRegistration) -> Bool {
    // A file sink has one line for a run, however often that changes: to note that it is put off would take as much room.
    guard !sink.wantsRecords else { return false }
    return max(rooms[sink.id]?.level ?? .free, rooms[Self.whole]?.level ?? .free) >= .eventsHeld
  }

  private func share(ofBytesOf sink: SinkRegistration) -> Double {
    guard let limit = sink.limits.bytes else { return 0 }
    return Double(sink.meter.amount.bytes) / Double(limit)
  }

  /// Whether nothing is to be put into a sink's outbox but what has to be delivered next.
  func isOverfull(_ sink: SinkRegistration) -> Bool { share(ofBytesOf: sink) >= 1 }

  private func measure(in database: any Database, now: Int64) throws {
    try refuseMoved(database)
    try mindClock(now: now, before: lookedAt, in: database)
    lookedAt = now
    if abs(now &- (countedAt ?? now)) >= Self.countingInterval {
      for sink in sinks { try sink.meter.count(ofSink: sink.id, in: database) }
    }
    if countedAt.map({ abs(now &- $0) >= Self.countingInterval }) ?? true { countedAt = now }
    var whole = try rooms[Self.whole] ?? keptRoom(Self.whole, in: database)
    whole.bytes = bytesAtMost == nil ? 0 : try bytesInUse(of: database)
    let share = bytesAtMost.map { Double(whole.bytes) / Double($0) } ?? 0
    try note(
      whole, at: RoomRules.ledger.level(share: share, before: whole.level), of: Self.whole,
      OutboxLimits(bytes: bytesAtMost),
      in: database, now: now)
    for sink in sinks { try measure(sink, in: database, now: now) }
    measuredAt = now
  }

  private func measure(_ sink: SinkRegistration, in database: any Database, now: Int64) throws {
    var room = try rooms[sink.id] ?? keptRoom(sink.id, in: database)
    room.bytes = sink.meter.amount.bytes
    var share = share(ofBytesOf: sink)
    if let limit = sink.limits.age {
      let oldest = try database.prepare(Self.selectOldest).binding { $0(sink.id) }.firstRow { $0.integer(0) }
      if let oldest { share = max(share, Double(now &- oldest) / 1e6 / limit) }
    }
    try note(
      room, at: RoomRules.outbox.level(share: share, before: room.level), of: sink.id, sink.limits, in: database,
      now: now)
  }

  // What was refused waits for somebody to look at it, not for the backend.
  private static let selectOldest = SQL(
    "SELECT made_at FROM outbox WHERE sink = ? AND parked_at IS NULL ORDER BY id LIMIT 1")

  /// As the ledger has it, which may have been closed at its limit.
  private func keptRoom(_ id: Int64, in database: any Database) throws -> Room {
    try database.prepare("SELECT level, since, bytes FROM room WHERE sink = ?").binding { $0(id) }.firstRow {
      Room(level: RoomLevel(rawValue: Int($0.integer(0))) ?? .free, since: $0.optionalInteger(1), bytes: $0.integer(2))
    } ?? Room()
  }

  private func note(
    _ before: Room, at level: RoomLevel, of id: Int64, _ limits: OutboxLimits, in database: any Database, now: Int64
  ) throws {
    var room = before
    if level != before.level { (room.level, room.since) = (level, level == .free ? nil : now) }
    // How full it is need not be written each time.
    let isNews = rooms[id].map { $0.level != level } ?? true
    let isDue = abs(now &- (roomsNotedAt[id] ?? 0)) >= 10 * Self.measuringInterval
    rooms[id] = room
    guard isNews || isDue else { return }
    roomsNotedAt[id] = now
    try database.prepare(Self.keepRoom).binding {
      $0(id)
      $0(Int64(room.level.rawValue))
      $0(room.since)
      $0(room.bytes)
      $0(limits.bytes)
      $0(limits.age.map { Int64($0) })
    }.run()
  }

  private static let keepRoom = SQL(
    """
    INSERT INTO room (sink, level, since, bytes, bytes_at_most, age_at_most) VALUES (\(placeholders(6)))
    ON CONFLICT (sink) DO UPDATE SET \(replacing("level, since, bytes, bytes_at_most, age_at_most"))
    """)

  /// A file that was removed or moved away is still open: what is written to it would be lost.
  private func refuseMoved(_ database: any Database) throws {
    if (database as? SQLiteDatabase)?.hasMoved == true { throw LedgerError(.moved, path: path) }
  }

  /// Of tables and indexes, without pages of a file that are free to be used again, and without its write-ahead log.
  func bytesInUse(of database: any Database) throws -> Int64 {
    guard place.isFile else { return try LedgerServer.bytes(database) }
    let pages = try database.integer("PRAGMA page_count") ?? 0
    let free = try database.integer("PRAGMA freelist_count") ?? 0
    return (pages - free) * (try database.integer("PRAGMA page_size") ?? 0)
  }

  // MARK: Counting

  /// Items have got their bodies. All are of one sink.
  func noteFixed(_ bodies: [(id: Int64, body: [UInt8])], in database: any Database) throws {
    guard let first = bodies.first else { return }
    let id = try database.prepare(Self.selectSink).binding { $0(first.id) }.firstRow { $0.integer(0) }
    sinks.first { $0.id == id }?.meter.add(bodies: bodies.reduce(0) { $0 + Int64($1.body.count) })
  }

  private static let selectSink = SQL("SELECT sink FROM outbox WHERE id = ?")

  /// Items are about to be deleted.
  func noteTaken(_ ids: [Int64], ofSink sink: Int64, in database: any Database) throws {
    guard !ids.isEmpty, let meter = sinks.first(where: { $0.id == sink })?.meter else { return }
    for slice in slices(of: ids, Self.countedAtOnce) {
      let taken = try database.prepare(Self.selectTaken).binding { binder in
        for id in slice { binder(id) }
        // No item has this number.
        for _ in slice.count..<Self.countedAtOnce { binder(Int64(0)) }
      }.firstRow { OutboxMeter.Amount(items: $0.integer(0), bodies: $0.integer(1)) }
      if let taken { meter.add(items: -taken.items, bodies: -taken.bodies) }
    }
  }

  private static let countedAtOnce = 64
  private static let selectTaken = SQL(
    """
    SELECT count(*), coalesce(sum(coalesce(length(body), 0) + coalesce(length(answer), 0)), 0) FROM outbox
    WHERE id IN (\(placeholders(countedAtOnce)))
    """)
}
