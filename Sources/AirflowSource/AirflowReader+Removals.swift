import ExecutionModel
import Postgres

extension AirflowReader {
  /// Why runs are missing, as far as the database tells.
  ///
  /// Reads all of `dag_run` once (5 ms per 20,000 runs) and all of the tables that `airflow db clean` left, so it is for
  /// runs that ``snapshots(of:withFingerprints:schema:)`` found missing, all at once.
  public func removals(of missing: [MissingRun], schema: AirflowSchema) async throws -> RemovalBatch {
    let queries = Queries(schema)
    return try await read(locking: schema, AirflowSourceError.init(instance:reading:)) { transaction in
      let begin = ContinuousClock.now
      var batch = RemovalBatch(moment: try moment(transaction, queries, schema))
      if !missing.isEmpty, !batch.moment.isReplica {
        let ids = PostgresParameter.intArray(missing.map(\.id))
        var existing: Set<Int64> = []
        try transaction.query(StaticSQL.namedRuns, [ids]) { row in existing.insert(try row.int(0)) }
        let gone = missing.filter { !existing.contains($0.id) }
        batch.removals = RemovalJudge.judge(gone, try facts(transaction, gone))
      }
      batch.moment.serverMilliseconds = milliseconds(since: begin)
      return batch
    }
  }

  private func facts(_ transaction: PostgresTransaction, _ missing: [MissingRun]) throws -> RemovalFacts {
    var facts = RemovalFacts()
    try transaction.query(StaticSQL.survivingRuns, [.textArray(Array(Set(missing.map(\.dagID))))]) { row in
      if let dagID = try row.optionalText(0) {
        facts.survivingDAGs.insert(dagID)
      } else {
        facts.earliestStart = try row.optionalInstant(1)
        facts.latestStart = try row.optionalInstant(3)
        facts.hasRuns = try row.optionalInt(2) ?? 0 > 0
      }
    }
    var archives: [String] = []
    try transaction.query(StaticSQL.archiveTables) { row in
      if try row.optionalBool(2) ?? false {
        archives.append("\(Grants.quoted(try row.text(0))).\(Grants.quoted(try row.text(1)))")
      } else {
        facts.hasUnreadableArchive = true
      }
    }
    for archive in archives {
      // The one query whose table only the catalog knows.
      let sql =
        "-- Which of the runs $1 airflow db clean moved here.\nselect a.id from \(archive) a where a.id = any($1::int8[])"
      try transaction.query(sql, [.intArray(missing.map(\.id))]) { row in facts.archivedIDs.insert(try row.int(0)) }
    }
    return facts
  }
}
