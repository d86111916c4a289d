import ExecutionModel
import SQLite

/// Keeps what one dbt run says of checks: in their history, and as their state where it is the newest. The order in which
/// runs are kept does not matter, and a run that is kept again counts once. Within the transaction that keeps the results.
struct CheckWriter {
  private let database: SQLiteDatabase
  private let dbtRun: Int64
  private let scope: String?
  private let fallback: Instant
  /// What the run said when it was kept before: the state of these checks is made anew from their history.
  private var again: Set<Int64>

  /// Takes back what the run said when it was kept before.
  init(database: SQLiteDatabase, dbtRun: Int64, of run: DbtRun) throws {
    self.database = database
    self.dbtRun = dbtRun
    scope = Self.scope(of: run)
    fallback = run.finishedAt ?? run.startedAt ?? run.createdAt ?? Instant(microseconds: 0)
    again = Set(
      try database.prepare(Self.selectOfRun).binding { $0(dbtRun) }.rows { $0.integer(0) })
    if !again.isEmpty { try database.prepare(Self.deleteOfRun).binding { $0(dbtRun) }.run() }
  }

  private static let selectOfRun = SQL("SELECT DISTINCT check_id FROM dbt_check_outcome WHERE dbt_run = ?")
  private static let deleteOfRun = SQL("DELETE FROM dbt_check_outcome WHERE dbt_run = ?")

  /// Where a unique_id is the same check: the account's project in one environment, or everything under one name.
  static func scope(of run: DbtRun) -> String? {
    switch run.key {
    case .core(let name, _): "core/\(name)"
    case .cloud(let host, let accountID, _):
      [
        run.account ?? "\(host):\(accountID)", run.projectID.map(String.init) ?? "-",
        run.environmentID.map(String.init) ?? "-",
      ].joined(separator: "/")
    }
  }

  mutating func note(_ result: DbtNodeResult, at position: Int, in step: DbtStep, node: Int64) throws {
    guard let outcome = DbtOutcome(result) else { return }
    try note(
      outcome, of: result.uniqueID, node: node, when: result.completedAt ?? result.startedAt, position, step)
  }

  mutating func note(_ freshness: DbtFreshness, at position: Int, in step: DbtStep, node: Int64) throws {
    try note(
      DbtOutcome(freshness: freshness.status), of: freshness.uniqueID, node: node, when: freshness.snapshottedAt,
      position, step)
  }

  /// Makes the state of checks anew that the run spoke of before.
  func finish() throws { for id in again { try refresh(id) } }

  // MARK: One outcome

  private struct State {
    var id: Int64
    var outcome: String
    var since: Int64?
    var last: Place
  }

  /// Outcomes are in the order of these.
  private struct Place: Comparable {
    var at, run, step, position: Int64

    static func < (left: Place, right: Place) -> Bool {
      (left.at, left.run, left.step, left.position) < (right.at, right.run, right.step, right.position)
    }
  }

  private mutating func note(
    _ outcome: DbtOutcome, of uniqueID: String, node: Int64, when: Instant?, _ position: Int, _ step: DbtStep
  ) throws {
    guard let scope else { return }
    let at = when ?? step.finishedAt ?? step.startedAt ?? fallback
    let place = Place(at: at.microseconds, run: dbtRun, step: Int64(step.index), position: Int64(position))
    let state = try state(of: uniqueID, in: scope)
    guard var state else {
      let id = try insert(uniqueID, in: scope, node: node, outcome, place)
      return try add(outcome, at: place, to: id)
    }
    try add(outcome, at: place, to: state.id)
    if again.contains(state.id) { return }
    let isFirst = state.outcome == DbtOutcome.skipped.description
    if outcome == .skipped {
      guard isFirst, place > state.last else { return }
      state.last = place
    } else if isFirst || place > state.last {
      if state.outcome != outcome.description { state.since = place.at }
      (state.outcome, state.last) = (outcome.description, place)
    } else {
      return try noteLate(outcome, at: place, in: state)
    }
    try keep(state, node: node)
  }

  /// An outcome that is older than the last one can only change since when that is so.
  private func noteLate(_ outcome: DbtOutcome, at place: Place, in state: State) throws {
    guard let since = state.since, let next = try next(after: place, of: state.id) else { return }
    let begins: Int64? =
      outcome.description == state.outcome
      ? (place.at < since && next.at >= since ? place.at : nil) : (place.at >= since ? next.at : nil)
    guard let begins, begins != since else { return }
    try database.prepare(Self.updateSince).binding {
      $0(begins)
      $0(state.id)
    }.run()
  }

  private func next(after place: Place, of id: Int64) throws -> Place? {
    try database.prepare(Self.selectNext).binding {
      $0(id)
      $0(place.at)
      $0(place.run)
      $0(place.step)
      $0(place.position)
    }.firstRow { Place(at: $0.integer(0), run: $0.integer(1), step: $0.integer(2), position: $0.integer(3)) }
  }

  /// The state that the history tells; a check without any is none.
  private func refresh(_ id: Int64) throws {
    for sql in [Self.deleteEmpty, Self.updateLast, Self.updateSinceAll] {
      try database.prepare(sql).binding { $0(id) }.run()
    }
  }

  // MARK: Rows

  private func state(of uniqueID: String, in scope: String) throws -> State? {
    try database.prepare(Self.selectState).binding {
      $0(uniqueID)
      $0(scope)
    }.firstRow { row in
      var columns = SQLiteColumns(row)
      return State(
        id: columns.integer(), outcome: columns.text(), since: columns.optionalInteger(),
        last: Place(at: columns.integer(), run: columns.integer(), step: columns.integer(), position: columns.integer())
      )
    }
  }

  private func insert(
    _ uniqueID: String, in scope: String, node: Int64, _ outcome: DbtOutcome, _ place: Place
  ) throws -> Int64 {
    try database.prepare(Self.insertCheck).binding {
      $0(scope)
      $0(uniqueID)
      $0(node)
      $0(outcome.description)
      $0(outcome == .skipped ? nil : place.at)
      $0(place.at)
      $0(place.run)
      $0(place.step)
      $0(place.position)
    }.run()
    return database.lastInsertedRow
  }

  private func add(_ outcome: DbtOutcome, at place: Place, to id: Int64) throws {
    try database.prepare(Self.insertOutcome).binding {
      $0(id)
      $0(place.at)
      $0(place.run)
      $0(place.step)
      $0(place.position)
      $0(outcome.description)
    }.run()
  }

  private func keep(_ state: State, node: Int64) throws {
    try database.prepare(Self.updateState).binding {
      $0(node)
      $0(state.outcome)
      $0(state.since)
      $0(state.last.at)
      $0(state.last.run)
      $0(state.last.step)
      $0(state.last.position)
      $0(state.id)
    }.run()
  }

  private static let selectState = SQL(
    """
    SELECT id, outcome, since, last_at, last_run, last_step, last_position FROM dbt_check
    WHERE unique_id = ? AND scope = ?
    """)
  private static let insertCheck = SQL(
    """
    INSERT INTO dbt_check (scope, unique_id, node, outcome, since, last_at, last_run, last_step, last_position)
    VALUES (\(placeholders(9)))
    """)
  private static let insertOutcome = SQL(
    """
    INSERT INTO dbt_check_outcome (check_id, at, dbt_run, step_index, position, outcome) VALUES (\(placeholders(6)))
    """)
  private static let updateState = SQL(
    """
    UPDATE dbt_check SET node = ?, outcome = ?, since = ?, last_at = ?, last_run = ?, last_step = ?, last_position = ?
    WHERE id = ?
    """)
  private static let updateSince = SQL("UPDATE dbt_check SET since = ? WHERE id = ?")
  private static let selectNext = SQL(
    """
    SELECT at, dbt_run, step_index, position FROM dbt_check_outcome
    WHERE check_id = ?1 AND at >= ?2 AND (at, dbt_run, step_index, position) > (?2, ?3, ?4, ?5) AND outcome <> 'skipped'
    ORDER BY at, dbt_run, step_index, position LIMIT 1
    """)

  private static let deleteEmpty = SQL(
    "DELETE FROM dbt_check WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM dbt_check_outcome WHERE check_id = ?1)")
  // The last that says something, else the last of all; its node is that of the result, or of the source as it was.
  private static let updateLast = SQL(
    """
    UPDATE dbt_check SET (outcome, last_at, last_run, last_step, last_position, node) = (
      SELECT o.outcome, o.at, o.dbt_run, o.step_index, o.position,
        coalesce((SELECT r.node FROM dbt_result r JOIN dbt_node n ON n.id = r.node WHERE r.dbt_run = o.dbt_run
          AND r.step_index = o.step_index AND r.position = o.position AND n.unique_id = dbt_check.unique_id), node)
      FROM dbt_check_outcome o WHERE o.check_id = ?1
      ORDER BY o.outcome <> 'skipped' DESC, o.at DESC, o.dbt_run DESC, o.step_index DESC, o.position DESC LIMIT 1)
    WHERE id = ?1
    """)
  private static let updateSinceAll = SQL(
    """
    UPDATE dbt_check SET since = (
      SELECT min(o.at) FROM dbt_check_outcome o WHERE o.check_id = ?1 AND o.outcome = dbt_check.outcome
        AND dbt_check.outcome <> 'skipped' AND (o.at, o.dbt_run, o.step_index, o.position) > (
          SELECT b.at, b.dbt_run, b.step_index, b.position FROM (
            SELECT at, dbt_run, step_index, position FROM dbt_check_outcome
            WHERE check_id = ?1 AND outcome NOT IN ('skipped', dbt_check.outcome)
            UNION ALL SELECT -9223372036854775807, 0, 0, 0) b
          ORDER BY b.at DESC, b.dbt_run DESC, b.step_index DESC, b.position DESC LIMIT 1))
    WHERE id = ?1
    """)
}
