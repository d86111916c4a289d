import ExecutionModel
import Records
import Storage

/// What a record shows beside the rows of the ledger.
public struct RecordContext: Hashable, Sendable {
  public var options: RecordOptions
  /// `airflow[].ui_url` by instance.
  public var uiURLs: [InstanceName: String]

  public init(options: RecordOptions = RecordOptions(), uiURLs: [InstanceName: String] = [:]) {
    self.options = options
    self.uiURLs = uiURLs
  }
}

/// A record's place in the ledger.
public enum RecordID: Hashable, Sendable {
  /// The row of a DAG run.
  case dagRun(Int64)
  /// The row of a dbt run that no attempt is known for.
  case dbtRun(Int64)
}

extension OutboxItem {
  /// The record that an item is a line of.
  public var record: RecordID {
    if dagRun == 0, let dbtRun { .dbtRun(dbtRun) } else { .dagRun(dagRun) }
  }
}

extension Ledger {
  /// Writes the record of a DAG run in pieces of bounded size, ended by a line feed, from one view of the ledger.
  /// - Parameters:
  ///   - id: the record's place in the ledger.
  ///   - write: gets the bytes in order; runs on the ledger's thread. What it throws ends the record.
  /// - Returns: false when there is no such record, or no more; then nothing is written.
  public func writeRecord(
    _ id: RecordID, _ context: RecordContext, to write: @escaping @Sendable (borrowing [UInt8]) throws -> Void
  ) throws -> Bool {
    try writeRecord(id, context, in: { body in try body(write) })
  }

  /// As ``writeRecord(_:_:to:)``, with all of a record's pieces within one call of `line`, which may open and close
  /// what they go to.
  public func writeRecord(
    _ id: RecordID, _ context: RecordContext,
    in line: @Sendable (((borrowing [UInt8]) throws -> Void) throws -> Void) throws -> Void
  ) throws -> Bool {
    try read { database in
      let reader = RecordReader(database: database)
      guard let header = try reader.header(id, context) else { return false }
      try line { write in try encode(header, id, context, reader, to: write) }
      return true
    }
  }

  private func encode(
    _ header: RecordHeader, _ id: RecordID, _ context: RecordContext, _ reader: RecordReader,
    to write: (borrowing [UInt8]) throws -> Void
  ) throws {
    var encoder = RecordEncoder(options: context.options)
    func flush(atLeast bytes: Int) throws {
      if encoder.writer.bytes.count >= bytes { try write(encoder.takeBytes()) }
    }
    encoder.begin(header)
    var unseen: [UnseenTries] = []
    if case .dagRun(let dagRun) = id {
      let links = try reader.links(of: dagRun)
      try reader.forEachAttempt(of: dagRun) { attempt, removed in
        encoder.attempt(LinkedAttempt(attempt: attempt, removed: removed, links: links[attempt.key] ?? []))
        try flush(atLeast: 1 << 18)
      }
      unseen = try reader.unseenTries(of: dagRun)
    }
    encoder.endAttempts(unseen: unseen)
    try reader.forEachDbtRun(of: id) { row, run in
      encoder.beginDbtRun(run)
      try reader.forEachStep(of: row) { step in
        encoder.step(step)
        try flush(atLeast: 1 << 18)
      }
    }
    encoder.end()
    encoder.newline()
    try flush(atLeast: 1)
  }

  /// A record in memory, for screens; its dbt results included.
  public func record(_ id: RecordID, _ context: RecordContext) throws -> ExecutionRecord? {
    try read { database in
      let reader = RecordReader(database: database)
      guard let header = try reader.header(id, context) else { return nil }
      var record = ExecutionRecord(header: header)
      if case .dagRun(let dagRun) = id {
        let links = try reader.links(of: dagRun)
        try reader.forEachAttempt(of: dagRun) { attempt, removed in
          record.attempts.append(LinkedAttempt(attempt: attempt, removed: removed, links: links[attempt.key] ?? []))
        }
        record.unseenTries = try reader.unseenTries(of: dagRun)
      }
      try reader.forEachDbtRun(of: id) { row, run in
        var run = run
        try reader.forEachStep(of: row) { run.steps.append($0) }
        record.dbtRuns.append(run)
      }
      return record
    }
  }
}
