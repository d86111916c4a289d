import Ledger
import Platform
import Records

/// Appends one line per record to a file (NDJSON). A record that changed several times before it could be written is
/// written once, as it then is.
public actor FileSink: Sink {
  public nonisolated let name: String
  private let ledger: Ledger
  private let context: RecordContext
  private let appender: SharedAppender
  private let clock: @Sendable () -> Int64
  private let random: @Sendable () -> Double
  private var backoff = Backoff(first: 1, longest: 60)

  // The ledger's thread writes the pieces of a record; never two at a time.
  private final class SharedAppender: @unchecked Sendable {
    let file: FileAppender
    init(_ path: String) { file = FileAppender(path: path) }
  }

  /// - Parameters:
  ///   - path: `sinks[].path`
  ///   - clock: microseconds since 1970.
  public init(
    name: String, path: String, ledger: Ledger, context: RecordContext,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    self.name = name
    self.ledger = ledger
    self.context = context
    self.clock = clock
    self.random = random
    appender = SharedAppender(path)
  }

  public func deliver() async throws -> DeliveryRound {
    var round = DeliveryRound()
    let progress = try await ledger.progress(ofSink: name)
    let items = try await ledger.pendingItems(ofSink: progress.id, now: clock(), limit: 200)
    guard !items.isEmpty else {
      round.wasIdle = true
      return round
    }
    var report = Ledger.DeliveryReport()
    do {
      try appender.file.open()
      for item in items {
        if try await append(item.dagRun) {
          report.delivered.append(item.id)
        } else {
          report.parked.append(
            .init(id: item.id, reason: "the ledger no longer has this record", status: nil, answer: nil))
        }
      }
      try appender.file.sync()
      report.outage = .some(nil)
    } catch let error as FileSinkError {
      // What was written but not synced is written again: a line twice is better than a line lost.
      report.delivered = []
      let retryAt = clock() + Int64(backoff.seconds(failures: progress.failures + 1, random: random()) * 1e6)
      report.outage = SinkOutage(error: error.description, retryAt: retryAt)
      round.outage = .init(cause: "file-\(error.code)", detail: error.description, retryAt: retryAt)
    }
    try await ledger.note(report, ofSink: progress.id)
    round.delivered = report.delivered.count
    round.parked = report.parked.count
    return round
  }

  private func append(_ dagRun: Int64) async throws -> Bool {
    let appender = appender
    return try await ledger.writeRecord(dagRun, context, in: { body in try appender.file.line(body) })
  }
}
