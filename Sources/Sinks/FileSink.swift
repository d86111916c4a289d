import Ledger
import Platform
import Records

/// Appends one line per record to a file (NDJSON). A record that changed several times before it could be written is
/// written once, as it then is. Files are opened and synced on a thread of its own.
public actor FileSink: Sink {
  public nonisolated let name: String
  private let executor = ThreadExecutor(name: "sink-file")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let ledger: Ledger
  private let context: RecordContext
  private let appender: SharedAppender
  private let clock: @Sendable () -> Int64
  private let random: @Sendable () -> Double

  private static let itemsPerRound = 200
  private static let backoff = Backoff(first: 1, longest: 60)

  // The ledger's thread writes the pieces of a record; never two at a time.
  private final class SharedAppender: @unchecked Sendable {
    let file: FileAppender
    init(_ file: sending FileAppender) { self.file = file }
  }

  /// - Parameters:
  ///   - path: `sinks[].path`
  ///   - clock: microseconds since 1970.
  public init(
    name: String, path: String, ledger: Ledger, context: RecordContext,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    let file = FileAppender(path: path, lineBeginning: Self.lineBeginning)
    self.init(name: name, file: file, ledger: ledger, context: context, clock: clock, random: random)
  }

  init(
    name: String, file: sending FileAppender, ledger: Ledger, context: RecordContext,
    clock: @escaping @Sendable () -> Int64, random: @escaping @Sendable () -> Double
  ) {
    self.name = name
    self.ledger = ledger
    self.context = context
    self.clock = clock
    self.random = random
    appender = SharedAppender(file)
  }

  /// What every record begins with.
  static let lineBeginning = #"{"record_version":"#

  public func close() { appender.file.close() }

  public func deliver() async throws -> DeliveryRound {
    var round = DeliveryRound()
    let progress = try await ledger.progress(ofSink: name)
    let items = try await ledger.pendingItems(ofSink: progress.id, now: clock(), limit: Self.itemsPerRound)
    guard !items.isEmpty else {
      round.wasIdle = true
      return round
    }
    var report = Ledger.DeliveryReport()
    var fault = await write(items, report: &report)
    if !report.delivered.isEmpty {
      // What came before a fault need not be written again, once it is safe. What is not safe is: a line twice is
      // better than a line lost.
      do { try appender.file.sync() } catch {
        report.delivered = []
        fault = fault ?? error
      }
    }
    if let error = fault as? FileSinkError {
      let retryAt = clock() + Int64(Self.backoff.seconds(failures: progress.failures + 1, random: random()) * 1e6)
      report.outage = SinkOutage(error: error.description, retryAt: retryAt)
      round.outage = .init(cause: "file-\(error.code)", detail: error.description, retryAt: retryAt)
    } else if fault == nil {
      report.outage = .some(nil)
    }
    try await ledger.note(report, ofSink: progress.id)
    if let fault, round.outage == nil { throw fault }
    round.delivered = report.delivered.count
    round.parked = report.parked.count
    return round
  }

  /// Writes items in order until one cannot be; gives what was in the way.
  private func write(_ items: [OutboxItem], report: inout Ledger.DeliveryReport) async -> (any Error)? {
    do {
      try appender.file.open()
      for item in items {
        // A dbt run that has moved under its DAG run since has its place in that record.
        if try await append(item.record) || item.dagRun == 0 {
          report.delivered.append(item.id)
        } else {
          report.parked.append(
            .init(id: item.id, reason: "the ledger no longer has this record", status: nil, answer: nil))
        }
      }
      return nil
    } catch {
      return error
    }
  }

  private func append(_ record: RecordID) async throws -> Bool {
    let appender = appender
    Failpoint.send.pass()
    defer { Failpoint.answer.pass() }
    return try await ledger.writeRecord(record, context, in: { body in try appender.file.line(body) })
  }
}
