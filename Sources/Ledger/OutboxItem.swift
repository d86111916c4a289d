import ExecutionModel

/// One thing to be sent to one sink.
public struct OutboxItem: Hashable, Sendable {
  /// What it is.
  public enum Kind: String, Hashable, Sendable {
    case dagRun = "dag_run"
    case attempt
    case dbtRun = "dbt_run"
    /// A node of a step of a dbt run.
    case dbtNode = "dbt_node"
    /// All nodes of a dbt run and then its end, in one row until delivery comes near them. Never delivered itself.
    case dbtNodes = "dbt_nodes"
    /// A line of a file sink.
    case record
  }

  /// Its number in the outbox: the order in which items were made.
  public var id: Int64
  public var kind: Kind
  /// The DAG run's row in the ledger; 0 for a dbt run that no attempt is known for.
  public var dagRun: Int64
  /// The dbt run's row in the ledger.
  public var dbtRun: Int64?
  /// The attempt, for events of attempts.
  public var attempt: AttemptKey?
  /// The DAG run's clear number, for events of DAG runs.
  public var clearNumber: Int?
  /// The node, for events of nodes.
  public var node: Node?
  public var transition: ExecutionEvent.Transition?
  public var eventTime: Instant?
  /// How often sending was tried.
  public var tries: Int
  /// The bytes, once they are fixed.
  public var body: [UInt8]?

  /// What one step of a dbt run did with one node.
  public struct Node: Hashable, Sendable {
    public var step: Int
    public var uniqueID: String
    public var part: DbtNodePart
  }
}

/// What an event is made of, as the ledger has it when the bytes are made.
public struct EventFacts: Sendable {
  public var run: DagRun?
  public var dag: Dag?
  public var airflowVersion: String?
  /// The attempt that the event is about, or that is the parent of its dbt run.
  public var attempt: TaskAttempt?
  /// The dbt run that the event is about, with the steps' invocation ids.
  public var dbtRun: DbtRun?
  /// The node that the event is about.
  public var dbtNode: DbtNodeExecution?
  /// Runs that the attempt triggered for certain.
  public var triggered: [DbtRunKey]
  /// The newest attempts of the DAG run's tasks, for its terminal event.
  public var currentAttempts: [TaskAttempt]
}
