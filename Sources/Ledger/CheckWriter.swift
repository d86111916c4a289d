import ExecutionModel
import Storage

/// Keeps what dbt runs say of checks: in their history, and as their state where it is the newest. The order in which runs
/// are kept does not matter, and a run that is kept again counts once. Within the transaction that keeps the results: one
/// writer serves all runs of it, and ``finish()`` writes what has become of their checks.
struct CheckWriter {
  private let database: any Database
  private var dbtRun: Int64 = 0
  private var scope: String?
  private var fallback = Instant(microseconds: 0)
  /// What the run said when it was kept before: the state of these checks is made anew from their history.
  private var again: Set<Int64> = []
  /// Checks of the scope that runs of the transaction have spoken of, by unique_id.
  private var states: [String: State] = [:]
  /// Whether the last check that was asked for was new: those of a project are either mostly known or mostly new.
  private var isNew = false

  init(database: any Database) { self.database = database }

  /// What is noted next is what this run says. Takes back what it said when it was kept before.
  mutating func begin(_ run: DbtRun, id: Int64) throws {
    dbtRun = id
    fallback = run.finishedAt ?? run.startedAt ?? run.createdAt ?? Instant(microseconds: 0)
    again = Set(try database.prepare(Self.selectOfRun).binding { $0(id) }.rows { $0.integer(0) })
    let scope = Self.scope(of: run)
    if scope != self.scope || !again.isEmpty { try finish() }
    self.scope = scope
    if !again.isEmpty { try database.prepare(Self.deleteOfRun).binding { $0(id) }.run() }
  }

  private static let selectOfRun = SQL("SELECT DISTINCT check_id FROM dbt_check_outcome WHERE dbt_run = ?")
  private static let deleteOfRun = SQL("DELETE FROM dbt_check_outcome WHERE dbt_run = ?")

  /// The run has said everything. Makes the state of checks anew that it spoke of before.
  mutating func end() throws {
    guard !again.isEmpty else { return }
    try finish()
    for id in again { try refresh(id) }
    again = []
  }

  /// Writes the states that have changed.
  mutating func finish() throws {
    // By their ids: neighbours share pages.
    for state in states.values.filter(\.isChanged).sorted(by: { $0.id < $1.id }) { try keep(state) }
    states.removeAll(keepingCapacity: true)
  }

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

  /// What is known of the checks that a step is about to speak of: a server is asked for many at a time.
  mutating func expect(_ step: DbtStep) throws {
    guard let scope, database.isServer else { return }
    var wanted: [String] = []
    for index in step.results.indices where DbtOutcome(step.results[index]) != nil {
      wanted.append(step.results[index].uniqueID)
    }
    for freshness in step.freshness { wanted.append(freshness.uniqueID) }
    wanted.removeAll { states[$0] != nil }
    for some in slices(of: wanted, Self.atOnce) where !isNew {
      let before = states.count
      try database.prepare(Self.selectStates).binding {
        for uniqueID in some { $0(uniqueID) }
        for _ in some.count..<Self.atOnce { $0(String?.none) }
        $0(scope)
      }.forEachRow { row in
        var columns = Columns(row)
        states[columns.text()] = State(&columns)
      }
      isNew = states.count == before
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

  // MARK: One outcome

  private struct State {
    var id: Int64
    var node: Int64
    var outcome: String
    var since: Int64?
    var last: Place
    /// Whether it is not written yet.
    var isChanged = false

    init(id: Int64, node: Int64, outcome: String, since: Int64?, last: Place) {
      (self.id, self.node, self.outcome, self.since, self.last) = (id, node, outcome, since, last)
    }

    /// As ``columns`` has it.
    init(_ columns: inout Columns) {
      self.init(
        id: columns.integer(), node: columns.integer(), outcome: columns.text(), since: columns.optionalInteger(),
        last: Place(at: columns.integer(), run: columns.integer(), step: columns.integer(), position: columns.integer())
      )
    }

    static let columns = "id, node, outcome, since, last_at, last_run, last_step, last_position"

    mutating func note(_ outcome: DbtOutcome, _ place: Place, _ node: Int64) {
      (self.outcome, last, self.node, isChanged) = (outcome.description, place, node, true)
    }
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
    var known = states[uniqueID]
    if known == nil, !isNew { known = try state(of: uniqueID, in: scope) }
    if known == nil {
      let made = try insert(uniqueID, in: scope, node: node, outcome, place)
      isNew = made != nil
      if let made {
        states[uniqueID] = made
        return try add(outcome, at: place, to: made.id)
      }
      known = try state(of: uniqueID, in: scope)
    }
    guard var state = known else { throw NothingInserted() }
    try add(outcome, at: place, to: state.id)
    if again.contains(state.id) { return }
    let isFirst = state.outcome == DbtOutcome.skipped.description
    if outcome == .skipped {
      if isFirst, place > state.last { state.note(outcome, place, node) }
    } else if isFirst || place > state.last {
      if state.outcome != outcome.description { state.since = place.at }
      state.note(outcome, place, node)
    } else if let since = try since(with: outcome, at: place, in: state) {
      (state.since, state.isChanged) = (since, true)
    }
    states[uniqueID] = state
  }

  /// An outcome that is older than the last one can only change since when that is so; nil when it does not.
  private func since(with outcome: DbtOutcome, at place: Place, in state: State) throws -> Int64? {
    guard let since = state.since else { return nil }
    let isSame = outcome.description == state.outcome
    guard isSame ? place.at < since : place.at >= since, let next = try next(after: place, of: state.id) else {
      return nil
    }
    // What came out otherwise may have been done at the very moment since when it is so.
    let begins = isSame ? (next.at >= since && next.outcome == state.outcome ? place.at : since) : next.at
    return begins == since ? nil : begins
  }

  private func next(after place: Place, of id: Int64) throws -> (at: Int64, outcome: String)? {
    try database.prepare(Self.selectNext).binding {
      $0(id)
      $0(place.at)
      $0(place.run)
      $0(place.step)
      $0(place.position)
    }.firstRow { ($0.integer(0), $0.text(1)) }
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
      var columns = Columns(row)
      return State(&columns)
    }
  }

  /// nil when there is one already.
  private func insert(
    _ uniqueID: String, in scope: String, node: Int64, _ outcome: DbtOutcome, _ place: Place
  ) throws -> State? {
    let since = outcome == .skipped ? nil : place.at
    let id = try database.prepare(Self.insertCheck).binding {
      $0(scope)
      $0(uniqueID)
      $0(node)
      $0(outcome.description)
      $0(since)
      $0(place.at)
      $0(place.run)
      $0(place.step)
      $0(place.position)
    }.insertUnlessKnown()
    guard let id else { return nil }
    return State(id: id, node: node, outcome: outcome.description, since: since, last: place)
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

  private func keep(_ state: State) throws {
    try database.prepare(Self.updateState).binding {
      $0(state.node)
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
    "SELECT \(State.columns) FROM dbt_check WHERE unique_id = ? AND scope = ?")
  /// So few that a statement stays small, so many that a thousand checks take few of them.
  private static let atOnce = 32
  private static let selectStates = SQL(
    "SELECT unique_id, \(State.columns) FROM dbt_check WHERE unique_id IN (\(placeholders(atOnce))) AND scope = ?")
  private static let insertCheck = SQL(
    """
    INSERT INTO dbt_check (scope, unique_id, node, outcome, since, last_at, last_run, last_step, last_position)
    SELECT \((1...9).map { "?\($0)" }.joined(separator: ", "))
    WHERE NOT EXISTS (SELECT 1 FROM dbt_check WHERE unique_id = ?2 AND scope = ?1)
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
  private static let selectNext = SQL(
    """
    SELECT at, outcome FROM dbt_check_outcome
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
