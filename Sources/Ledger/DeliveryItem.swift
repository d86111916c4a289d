import ExecutionModel
import Storage

/// An item of the outbox as a person looks at it.
public struct DeliveryItem: Hashable, Sendable {
  /// What was discarded, and with what words.
  public struct Discarding: Hashable, Sendable {
    public var at: Instant
    public var by: String
    public var reason: String?
  }

  /// Its number in the outbox; nil for history that waits as a whole.
  public var id: Int64?
  public var sink: String
  public var state: DeliveryState
  /// `dag_run`, `attempt`, `dbt_run`, `dbt_node`, `dbt_nodes` (all nodes of a run), `record` (a line), `history` (all that
  /// was told of a DAG run).
  public var kind: String
  /// How many events it stands for.
  public var events: Int
  /// The DAG run that it belongs to.
  public var dagRun: DagRunKey?
  /// The dbt run that it is about.
  public var dbtRun: DbtRunKey?
  /// The task instance, or the node of the dbt run.
  public var subject: String?
  public var transition: ExecutionEvent.Transition?
  public var eventTime: Instant?
  public var madeAt: Instant
  public var tries: Int
  /// When it is tried again; nil unless it waits for that.
  public var retryAt: Instant?
  public var parkedAt: Instant?
  /// Why it is parked.
  public var reason: String?
  /// The status of the backend's answer.
  public var status: Int?
  /// The beginning of the backend's answer.
  public var answer: String?
  /// How many bytes it has, once they are fixed.
  public var bytes: Int?
  public var discarding: Discarding?
  /// Where it stands among those that stand so.
  var position: Int64 = 0

  /// Of a row `o`, with its sink `s`, its DAG run `r` in the instance `i`, and its dbt run `d`.
  private static let common = """
    s.name, o.kind, i.name, r.dag_id, r.run_id, d.key, o.task_id, o.map_index, o.number, o.transition, o.event_time,
      o.made_at, o.tries, o.parked_at, o.reason, o.answer_status, o.answer
    """
  static let columns = "o.id, o.id, \(common), o.not_before, length(o.body), NULL, NULL, NULL, NULL"
  static let discardedColumns = """
    o.id, o.item, \(common), 0, NULL, o.events, o.discarded_at, o.discarded_by, o.discarded_because
    """
  static let joins = """
    JOIN sink s ON s.id = o.sink LEFT JOIN dag_run r ON r.id = o.dag_run LEFT JOIN airflow_instance i ON i.id = r.instance
      LEFT JOIN dbt_run d ON d.id = o.dbt_run
    """

  init(_ row: any Statement) {
    var columns = Columns(row)
    position = columns.integer()
    id = columns.optionalInteger()
    (sink, kind) = (columns.text(), columns.text())
    let (instance, dagID, runID) = (columns.optionalText(), columns.optionalText(), columns.optionalText())
    if let instance, let dagID, let runID { dagRun = DagRunKey(instance: instance, dagID: dagID, runID: runID) }
    dbtRun = columns.optionalText().flatMap { DbtRunKey($0) }
    let (name, place, number) = (columns.optionalText(), columns.optionalInt(), columns.optionalInt())
    subject = Self.subject(kind, name, place, number)
    transition = columns.optionalText().flatMap(ExecutionEvent.Transition.init(rawValue:))
    eventTime = columns.optionalInstant()
    madeAt = Instant(microseconds: columns.integer())
    tries = columns.int()
    parkedAt = columns.optionalInstant()
    reason = columns.optionalText()
    status = columns.optionalInt()
    answer = columns.optionalText()
    let notBefore = columns.integer()
    bytes = columns.optionalInt()
    events = columns.optionalInt() ?? (kind == OutboxItem.Kind.dbtNodes.rawValue ? number ?? 1 : 1)
    if let at = columns.optionalInstant() {
      state = .discarded
      discarding = Discarding(at: at, by: columns.text(), reason: columns.optionalText())
    } else {
      state = parkedAt != nil ? .parked : notBefore > 0 ? .retrying : .pending
      retryAt = state == .retrying ? Instant(microseconds: notBefore) : nil
    }
  }

  /// History that waits as a whole.
  init(historyOf row: any Statement) {
    var columns = Columns(row)
    (sink, kind, state) = (columns.text(), Self.history, .pending)
    let (instance, dagID, runID) = (columns.optionalText(), columns.optionalText(), columns.optionalText())
    if let instance, let dagID, let runID { dagRun = DagRunKey(instance: instance, dagID: dagID, runID: runID) }
    madeAt = Instant(microseconds: columns.integer())
    events = columns.int()
    tries = 0
  }

  static let history = "history"

  /// `task`, `task[3] try 2`, `model.shop.orders`, and `… tests`.
  private static func subject(_ kind: String, _ name: String?, _ place: Int?, _ number: Int?) -> String? {
    guard let name else { return nil }
    switch OutboxItem.Kind(rawValue: kind) {
    case .attempt:
      return name + (place.map { $0 >= 0 ? "[\($0)]" : "" } ?? "") + (number.map { " try \($0)" } ?? "")
    case .dbtNode: return name + (place == 1 ? " tests" : "")
    default: return name
    }
  }
}
