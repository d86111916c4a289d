import ExecutionModel
import Records
import SQLite

/// Derives anew, from rows alone, the events that were made for the runs of a ledger: for a sink that came later.
struct HistoryOfEvents {
  typealias Event = (event: ExecutionEvent, subject: OutboxWriter.Subject)

  struct Run {
    var id: Int64
    var events: [Event]
  }

  let database: SQLiteDatabase

  func forEachRun(_ body: (Run) throws -> Void) throws {
    var last: Int64 = 0
    while true {
      let ids = try database.prepare("SELECT id FROM dag_run WHERE id > ? ORDER BY id LIMIT 500").binding { $0(last) }
        .rows { $0.integer(0) }
      guard let end = ids.last else { break }
      for id in ids { try body(Run(id: id, events: try events(of: id))) }
      last = end
    }
    // dbt runs without a parent in any DAG run.
    try body(Run(id: 0, events: try dbtEvents(parent: nil)))
  }

  private func events(of id: Int64) throws -> [Event] {
    guard
      let (run, phase) = try database.prepare(
        """
        SELECT i.name, r.dag_id, r.run_id, event_phase, \(DagRunRow.columns)
        FROM dag_run r JOIN airflow_instance i ON i.id = r.instance WHERE r.id = ?
        """
      ).binding({ $0(id) }).firstRow({ row -> (DagRun, Int) in
        var columns = SQLiteColumns(row)
        let key = DagRunKey(instance: columns.text(), dagID: columns.text(), runID: columns.text())
        let phase = columns.int()
        return (DagRunRow.read(&columns, key: key), phase)
      })
    else { return [] }
    let told = LineageRules.events(for: run).prefix(phase)
    var events: [Event] = told.prefix(1).map { ($0, .dagRun) }
    let attempts = try database.prepare("SELECT event_phase, \(AttemptRow.columns) FROM attempt WHERE dag_run = ?")
      .binding { $0(id) }.rows { row -> (attempt: TaskAttempt, phase: Int) in
        var columns = SQLiteColumns(row)
        let phase = columns.int()
        return (AttemptRow.read(&columns), phase)
      }
    for (attempt, phase) in attempts {
      events += LineageRules.events(for: attempt, of: run.key).prefix(phase).map { ($0, .attempt(attempt.key)) }
    }
    events += try dbtEvents(parent: id)
    events += told.dropFirst().map { ($0, .dagRun) }
    return events
  }

  private func dbtEvents(parent: Int64?) throws -> [Event] {
    let runs = try database.prepare(
      "SELECT id, event_phase, \(DbtRunRow.columns) FROM dbt_run WHERE parent_dag_run IS ? AND event_phase > 0 ORDER BY id"
    ).binding { $0(parent) }.rows { row -> (id: Int64, phase: Int, run: DbtRun?) in
      var columns = SQLiteColumns(row)
      let id = columns.integer()
      let phase = columns.int()
      return (id, phase, DbtRunRow.read(&columns))
    }
    return runs.flatMap { id, phase, run -> [Event] in
      run.map { LineageRules.events(for: $0).prefix(phase).map { ($0, .dbtRun(id)) } } ?? []
    }
  }
}
