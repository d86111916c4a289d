import ExecutionModel
import Platform
import Storage

extension Ledger {
  /// Proposes links for a run, given what is known of its attempts; pure.
  public typealias Proposer = @Sendable (DagRunSnapshot, [TaskAttempt]) -> [LinkProposal]

  /// Keeps a batch: rows, cursor and outbox in one transaction. Rows that did not change are not written.
  /// - Throws: ``LedgerError``; then nothing of the batch was kept.
  public func apply(_ batch: CaptureBatch, proposing propose: Proposer) throws -> CaptureOutcome {
    let now = now
    let words = keptWords
    note(sourceTime: batch.readAt)
    Failpoint.read.pass()
    return try write { database in
      guard
        let instance = try database.prepare("SELECT id FROM airflow_instance WHERE name = ?")
          .binding({ $0(batch.instance) }).firstRow({ $0.integer(0) })
      else { throw LedgerError(.other, path: path, detail: "instance \(batch.instance) is not registered") }
      var writer = CaptureWriter(
        database: database, instance: instance, name: batch.instance, sinks: sinks, accounts: accounts, now: now,
        readAt: batch.readAt, isHistory: batch.isHistory,
        horizon: retention.map { Instant(microseconds: batch.readAt.microseconds - $0) })
      for dag in batch.dags { try writer.keep(dag) }
      for var snapshot in batch.snapshots {
        snapshot.run.conf = words.kept(snapshot.run.conf)
        try writer.keep(snapshot, proposing: { words.kept(propose($0, $1)) })
      }
      for snapshot in batch.snapshots {
        try writer.keepFingerprint(batch.fingerprints[snapshot.run.sourceID], of: snapshot.run.sourceID)
      }
      for (id, kind) in batch.removed.sorted(by: { $0.key < $1.key }) { try writer.remove(sourceID: id, kind: kind) }
      for id in batch.excluded {
        try database.prepare("UPDATE dag_run SET is_open = 0 WHERE instance = ? AND source_id = ?").binding {
          $0(instance)
          $0(id)
        }.run()
      }
      try keepProgress(batch, of: instance, in: database)
      Failpoint.correlate.pass()
      return writer.outcome
    }
  }

  private func keepProgress(_ batch: CaptureBatch, of instance: Int64, in database: any Database) throws {
    if let cursor = batch.cursor {
      try database.prepare("UPDATE airflow_instance SET dag_run_cursor = max(dag_run_cursor, ?) WHERE id = ?").binding {
        $0(cursor)
        $0(instance)
      }.run()
    }
    if let backfill = batch.backfill {
      try database.prepare(
        """
        UPDATE airflow_instance SET backfill_below = ?, backfill_done = ?, backfill_runs = backfill_runs + ?,
          backfill_total = coalesce(?, backfill_total), backfill_rate = coalesce(?, backfill_rate) WHERE id = ?
        """
      ).binding {
        $0(backfill.below)
        $0(backfill.isDone)
        $0(backfill.runs)
        $0(backfill.total)
        $0(backfill.rate)
        $0(instance)
      }.run()
    }
  }
}
