import ExecutionModel
import Postgres

/// Reads Airflow's metadata database, each call in one REPEATABLE READ READ ONLY transaction: a run, its attempts, their
/// history and their XComs come from one snapshot. Sends nothing but SELECT.
///
/// Every call throws ``AirflowSourceError``; a cancelled task throws `CancellationError`.
public struct AirflowReader: Sendable {
  let instance: InstanceName
  private let connection: PostgresConnection
  let filter: DagFilter
  private let transactionLimits: TransactionLimits
  let limits: ReadLimits

  /// - Parameters:
  ///   - filter: the DAGs whose runs are read.
  ///   - limits: of each transaction.
  public init(
    instance: InstanceName, connection: PostgresConnection, filter: DagFilter = .all,
    limits: TransactionLimits = TransactionLimits()
  ) {
    self.init(instance: instance, connection: connection, filter: filter, limits: limits, readLimits: ReadLimits())
  }

  init(
    instance: InstanceName, connection: PostgresConnection, filter: DagFilter, limits: TransactionLimits,
    readLimits: ReadLimits
  ) {
    self.instance = instance
    self.connection = connection
    self.filter = filter
    transactionLimits = limits
    self.limits = readLimits
  }

  /// Finds out which of Airflow's tables and columns there are and whether they may be read.
  ///
  /// - Throws: ``AirflowSourceError`` with every problem at once.
  public func probe() async throws -> AirflowSchema {
    let findings = try await read(AirflowSourceError.init(instance:asking:)) { transaction in
      try SchemaProbe.findings(transaction)
    }
    return try findings.schema(instance: instance)
  }

  /// The statements that give the asking role the rights that it needs here, whether or not it has them; nil where none of
  /// Airflow's tables is to be seen.
  public func grants() async throws -> [String]? {
    let findings = try await read(AirflowSourceError.init(instance:asking:)) { transaction in
      try SchemaProbe.findings(transaction)
    }
    guard let schema = findings.tables["dag_run"]?.schema else { return nil }
    return Grants(database: findings.database, schema: schema, role: findings.role)
      .statements(tables: AirflowTable.names.filter { findings.tables[$0] != nil })
  }

  /// The highest `dag_run.id`; 0 when there is no run. A poll that starts there leaves all earlier runs to history.
  public func highestRunID() async throws -> Int64 {
    try await read(AirflowSourceError.init(instance:reading:)) { transaction in
      var highest: Int64 = 0
      try transaction.query(StaticSQL.highestRun) { row in highest = try row.optionalInt(0) ?? 0 }
      return highest
    }
  }

  /// Reads what a poll must: new runs, open runs and remembered ones.
  public func live(_ request: LiveRequest, schema: AirflowSchema) async throws -> LiveBatch {
    let queries = Queries(schema)
    return try await read(locking: schema, AirflowSourceError.init(instance:reading:)) { transaction in
      let begin = ContinuousClock.now
      var batch = LiveBatch(highestID: request.cursor, moment: try moment(transaction, queries, schema))
      var selection = LiveSelection(request, filter)
      try transaction.query(
        StaticSQL.liveRuns,
        [
          .int(request.cursor), .int(Int64(selection.newLimit)), .int(selection.windowFloor),
          .intArray(request.remembered),
        ]
      ) { row in
        guard let reason = LiveSelection.Reason(rawValue: try row.int(2)) else { return }
        selection.add(id: try row.int(0), dagID: try row.text(1), reason: reason)
      }
      let ids = selection.ids
      var openFingerprints: [Int64: Int64] = [:]
      var isUnchanged: Set<Int64> = []
      if let known = request.knownFingerprints {
        openFingerprints = try fingerprints(transaction, queries, ids: ids.filter(selection.isOpen))
        isUnchanged = Set(openFingerprints.filter { known[$0] == $1 && !selection.isNew($0) }.keys)
      }
      let changed = ids.filter { !isUnchanged.contains($0) }
      var reader = SnapshotReader(transaction, instance: instance, schema: schema, queries: queries, limits: limits)
      let (snapshots, lastRead) = try reader.read(changed)
      // Where this call got to: what is unchanged is done with when all before it was read.
      let last = lastRead == changed.last ? ids.last : lastRead
      batch.snapshots = snapshots
      batch.rowCounts = reader.rowCounts
      batch.unchangedIDs = ids.filter { isUnchanged.contains($0) && $0 <= last ?? .min }
      batch.resumeAfter = selection.resumeAfter(last)
      batch.highestID = selection.cursor(last)
      batch.databaseHighestID = selection.databaseHighestID
      batch.newIDs = snapshots.map(\.run.sourceID).filter(selection.isNew)
      batch.openIDs = selection.openIDs
      batch.missing = selection.missing
      batch.excluded = selection.excluded
      if request.withFingerprints { batch.fingerprints = try fingerprints(transaction, queries, snapshots) }
      batch.fingerprints.merge(openFingerprints.filter { $0.key <= last ?? .min }) { first, _ in first }
      batch.dags = try dags(transaction, queries, schema, snapshots)
      batch.moment.serverMilliseconds = milliseconds(since: begin)
      return batch
    }
  }

  /// Reads a page of history, newest first.
  public func history(_ request: HistoryRequest, schema: AirflowSchema) async throws -> HistoryBatch {
    let queries = Queries(schema)
    return try await read(locking: schema, AirflowSourceError.init(instance:reading:)) { transaction in
      let begin = ContinuousClock.now
      var batch = HistoryBatch(moment: try moment(transaction, queries, schema))
      let limit = max(request.limit, 1)
      let since = request.since.map { PostgresParameter.int($0.microseconds) } ?? .null
      var seen: [Int64] = []
      var wanted: [Int64] = []
      try transaction.query(queries.historyRuns, [.int(request.below ?? .max), .int(Int64(limit)), since]) { row in
        let id = try row.int(0)
        seen.append(id)
        if filter.includes(try row.text(1)) { wanted.append(id) }
      }
      var reader = SnapshotReader(transaction, instance: instance, schema: schema, queries: queries, limits: limits)
      reader.withEvidence = request.withEvidence
      let (snapshots, last) = try reader.read(wanted)
      let isWholePage = last == wanted.last
      batch.snapshots = snapshots
      batch.rowCounts = reader.rowCounts
      batch.lowestID = isWholePage ? seen.last : last
      batch.isFinished = isWholePage && seen.count < limit
      if request.countsRemaining {
        let below = batch.lowestID ?? request.below ?? .max
        try transaction.query(queries.historyCount, [.int(below), since]) { row in
          batch.remaining = Int(try row.int(0))
        }
      }
      if request.withFingerprints { batch.fingerprints = try fingerprints(transaction, queries, snapshots) }
      batch.dags = try dags(transaction, queries, schema, snapshots)
      batch.moment.serverMilliseconds = milliseconds(since: begin)
      return batch
    }
  }

  // MARK: Within a transaction

  func moment(
    _ transaction: PostgresTransaction, _ queries: Queries, _ schema: AirflowSchema
  ) throws -> ReadMoment {
    var moment: ReadMoment?
    var head: String?
    try transaction.query(queries.moment) { row in
      moment = ReadMoment(
        readAt: try row.instant(0), isReplica: try row.optionalBool(1) ?? false,
        replayLagSeconds: try row.optionalDouble(2))
      head = try row.optionalText(3)
    }
    guard head == schema.alembicHead, let moment else {
      throw AirflowSourceError(
        instance: instance, kind: .schemaChanged, action: .probe,
        problems: [
          "the schema revision is now \(head ?? "unknown"), not \(schema.alembicHead ?? "unknown") as when it was probed: "
            + "Airflow was upgraded or downgraded"
        ], cause: nil)
    }
    return moment
  }

  func dags(
    _ transaction: PostgresTransaction, _ queries: Queries, _ schema: AirflowSchema, _ snapshots: [DagRunSnapshot]
  ) throws -> [Dag] {
    try DagRows.read(transaction, queries, family: schema.family, ids: snapshots.map(\.run.key.dagID))
  }

  /// Of those that are not open: what becomes of an open run, polls see.
  func fingerprints(
    _ transaction: PostgresTransaction, _ queries: Queries, _ snapshots: [DagRunSnapshot]
  ) throws -> [Int64: Int64] {
    try fingerprints(
      transaction, queries, ids: snapshots.lazy.filter { !$0.run.isOpen }.map(\.run.sourceID))
  }

  func fingerprints(
    _ transaction: PostgresTransaction, _ queries: Queries, ids: some Sequence<Int64>
  ) throws -> [Int64: Int64] {
    let ids = Array(ids)
    var fingerprints: [Int64: Int64] = [:]
    guard !ids.isEmpty else { return fingerprints }
    try transaction.query(queries.fingerprints, [.intArray(ids)]) { row in
      fingerprints[try row.int(0)] = try row.int(1)
    }
    return fingerprints
  }

  func milliseconds(since begin: ContinuousClock.Instant) -> Double {
    let duration = (ContinuousClock.now - begin).components
    return Double(duration.seconds) * 1e3 + Double(duration.attoseconds) / 1e15
  }

  /// - Parameter schema: whose tables are locked before anything is looked at, against what is done to the tables
  ///   themselves (a migration, VACUUM FULL): it waits until the read is over, or the read until it is over. Without that
  ///   both could wait for each other, and to this read's snapshot a table that is rewritten meanwhile would be empty
  ///   ("Caveats" in the chapter "Concurrency Control" of Postgres' manual). Nobody's reading or writing is held up.
  func read<R: Sendable>(
    locking schema: AirflowSchema? = nil, _ failure: (InstanceName, PostgresError) -> AirflowSourceError,
    _ body: @Sendable (PostgresTransaction) throws -> R
  ) async throws -> R {
    var conflicts = 0
    while true {
      do {
        return try await connection.readOnly(transactionLimits, locking: schema?.lockable ?? [], body)
      } catch let error as PostgresError where error.kind == .cancelled {
        throw CancellationError()
      } catch let error as PostgresError
        where (error.isRecoveryConflict || error.isLocked) && conflicts < limits.conflictsInARow
      {
        // A moment later the replica is past what it had to replay, and a quick migration is over.
        conflicts += 1
        try await Task.sleep(for: .milliseconds(50 << conflicts))
      } catch let error as PostgresError {
        throw failure(instance, error)
      }
    }
  }
}
