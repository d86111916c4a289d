import ExecutionModel
import Postgres

extension AirflowReader {
  /// Computes the fingerprints of the next runs, on the server and within bounds: by number of runs and by time.
  public func sweep(_ request: SweepRequest, schema: AirflowSchema) async throws -> SweepBatch {
    let queries = Queries(schema)
    return try await read(locking: schema, AirflowSourceError.init(instance:reading:)) { transaction in
      let begin = ContinuousClock.now
      var batch = SweepBatch(
        after: request.after, lastID: request.after, moment: try moment(transaction, queries, schema))
      var selection = SweepSelection(request, filter, looksAt: limits.runsPerSweep)
      try transaction.query(
        queries.sweepRuns,
        [
          .int(request.after), .int(Int64(selection.limit)), request.since.map { .int($0.microseconds) } ?? .null,
          .int(Int64(selection.looksAt)),
        ]
      ) { row in
        if let count = try row.optionalInt(3) {
          selection.looked(at: Int(count), highest: try row.optionalInt(0))
        } else {
          selection.add(
            id: try row.int(0), dagID: try row.text(1), isOpen: try row.optionalBool(2) ?? false,
            moment: try row.optionalInstant(4))
        }
      }
      var fingerprints: [Int64: Int64] = [:]
      var done = 0
      while done < selection.wanted.count, done == 0 || milliseconds(since: begin) < limits.sweepMilliseconds {
        let chunk = selection.wanted[done...].prefix(max(limits.runsPerFingerprint, 1))
        fingerprints.merge(try self.fingerprints(transaction, queries, ids: chunk.map(\.id))) { $1 }
        done += chunk.count
      }
      selection.finish(&batch, done: done, fingerprints)
      try transaction.query(StaticSQL.sweepFacts) { row in
        batch.oldestID = try row.optionalInt(0)
        batch.hasArchiveTables = try row.optionalBool(1) ?? false
      }
      batch.moment.serverMilliseconds = milliseconds(since: begin)
      return batch
    }
  }

  /// Reads the runs with these ids, by rising id, and says which of them do not exist.
  ///
  /// - Parameter withFingerprints: whether to compute ``SnapshotBatch/fingerprints``.
  public func snapshots(
    of ids: [Int64], withFingerprints: Bool = false, schema: AirflowSchema
  ) async throws -> SnapshotBatch {
    let queries = Queries(schema)
    return try await read(locking: schema, AirflowSourceError.init(instance:reading:)) { transaction in
      let begin = ContinuousClock.now
      var batch = SnapshotBatch(moment: try moment(transaction, queries, schema))
      let asked = Set(ids)
      var found: [Int64] = []
      try transaction.query(StaticSQL.namedRuns, [.intArray(Array(asked))]) { row in
        let id = try row.int(0)
        if filter.includes(try row.text(1)) { found.append(id) } else { batch.excluded.append(id) }
      }
      found.sort()
      batch.excluded.sort()
      batch.missing = asked.subtracting(found).subtracting(batch.excluded).sorted()
      var reader = SnapshotReader(transaction, instance: instance, schema: schema, queries: queries, limits: limits)
      let (snapshots, last) = try reader.read(found)
      batch.snapshots = snapshots
      batch.rowCounts = reader.rowCounts
      batch.rest = last.map { last in found.filter { $0 > last } } ?? []
      if withFingerprints { batch.fingerprints = try fingerprints(transaction, queries, snapshots) }
      batch.dags = try dags(transaction, queries, schema, snapshots)
      batch.moment.serverMilliseconds = milliseconds(since: begin)
      return batch
    }
  }
}
