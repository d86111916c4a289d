import ExecutionModel
import Storage

/// How an item of the outbox stands.
public enum DeliveryState: String, Hashable, Sendable, CaseIterable {
  /// Refused by the backend for good, or never to fit.
  case parked
  /// Tried at least once, and to be tried again.
  case retrying
  /// Not tried yet.
  case pending
  /// Taken out by hand; only the trace of it is left.
  case discarded

  /// For a row `o` of `outbox`.
  var condition: String {
    switch self {
    case .parked: "o.parked_at IS NOT NULL"
    case .retrying: "o.parked_at IS NULL AND o.not_before > 0"
    case .pending: "o.parked_at IS NULL AND o.not_before = 0"
    case .discarded: "1 = 1"
    }
  }
}

/// Which items of the outbox are meant. What is empty or nil leaves all in.
public struct DeliveryFilter: Hashable, Sendable {
  /// Numbers of items.
  public var items: [Int64] = []
  public var sinks: [String] = []
  public var states: Set<DeliveryState> = []
  /// Text that stands in the reason, in small or capital letters.
  public var reason: String?
  /// DAGs that match any of these patterns, in which `*` and `?` stand for other characters.
  public var dagPatterns: [String] = []
  public var record: RecordID?
  /// Made at this time or later.
  public var since: Instant?
  /// … and before this time.
  public var until: Instant?

  public init() {}

  /// Whether the row `o` of `outbox`, or of a table like it, is about a DAG run, or about a dbt run that is told without one
  /// and is linked to it.
  static func isOfDagRun(_ id: String) -> String {
    """
    (o.dag_run = \(id) OR o.dag_run = 0 AND EXISTS (SELECT 1 FROM link l
      WHERE l.dbt_run = o.dbt_run AND l.is_candidate = 0 AND l.dag_run = \(id)))
    """
  }

  /// For rows `o` of `outbox`, or of a table like it, with their sink `s` and, where they have one, DAG run `r`. What is
  /// about a dbt run that no DAG run is the parent of belongs to those that are linked to it.
  static let condition = """
    (?1 = '[]' OR s.name IN (SELECT value FROM json_each(?1)))
      AND (?2 IS NULL OR instr(lower(coalesce(o.reason, '')), lower(?2)) > 0)
      AND (?3 = '[]' OR EXISTS (SELECT 1 FROM json_each(?3) WHERE r.dag_id GLOB value)
        OR o.dag_run = 0 AND EXISTS (SELECT 1 FROM link l JOIN dag_run g ON g.id = l.dag_run, json_each(?3)
          WHERE l.dbt_run = o.dbt_run AND l.is_candidate = 0 AND g.dag_id GLOB value))
      AND (?4 IS NULL OR \(isOfDagRun("?4")))
      AND (?5 IS NULL OR o.dbt_run = ?5)
      AND (?6 IS NULL OR o.made_at >= ?6) AND (?7 IS NULL OR o.made_at < ?7)
    """

  func bind(to binder: inout Binder) {
    binder(NameList.text(sinks))
    binder(reason)
    // GLOB knows character classes, which patterns here do not.
    binder(NameList.text(dagPatterns.map { $0.replacing("[", with: "[[]") }))
    switch record {
    case .dagRun(let id):
      binder(id)
      binder(nil as Int64?)
    case .dbtRun(let id):
      binder(nil as Int64?)
      binder(id)
    case nil:
      binder(nil as Int64?)
      binder(nil as Int64?)
    }
    binder(since)
    binder(until)
  }

  /// Whether history that waits can be meant: it was never tried, and has no number.
  var meansHistory: Bool { items.isEmpty && reason == nil && (states.isEmpty || states.contains(.pending)) }
}
