/// One row of `task_instance`, with what the simulator knows beyond it: which try it is, who wrote its XComs.
struct SimulatedTask {
  /// What a task does.
  enum Kind {
    /// Starts a dbt Cloud run and waits for it.
    case dbt
    /// The same, waiting in the triggerer.
    case deferrableDbt
    /// Waits in reschedule mode.
    case sensor
    /// Returns something that has nothing to do with dbt Cloud.
    case python
    /// Never runs: the scheduler sets it to success.
    case empty
    /// Not chosen by a branch: set to skipped.
    case notChosen
  }

  /// What the process of a running try has still to do.
  enum Process: Equatable {
    case none
    /// XComs of the try before are still there.
    case begun
    case working
    /// Ended; up to 2.11 the history row is written in a transaction before the state.
    case ended(Outcome, at: Int64, inHistory: Bool)
  }

  enum Outcome { case success, failure, skip }

  /// A try in `task_instance_history`.
  struct Past {
    var number: Int
    var state: String
    var start: Int64?
    var end: Int64?
    var clear: Int
  }

  struct XCom {
    /// The dbt run that it names; nil when it names none.
    var dbtRun: Int64?
    /// The try that wrote it.
    var writer: Int
  }

  let taskID: String
  var mapIndex: Int
  let kind: Kind
  let operatorName: String
  let upstream: [String]
  let retries: Int

  // The row.
  var uuid: String
  var state: String?
  /// `try_number` as it is stored.
  var stored = 0
  var maxTries: Int
  var queued: Int64?
  var start: Int64?
  var end: Int64?
  var isDeferral = false
  var note: String?

  // What lies beside the row.
  var history: [Past] = []
  var xcoms: [String: XCom] = [:]
  /// First `task_reschedule.start_date` by try.
  var firstPokes: [Int: Int64] = [:]

  // What no row says.
  /// The try that the row shows; nil when it shows none.
  var shown: Int?
  /// The run's clear number when the shown try ran.
  var shownClear = 0
  var process = Process.none
  /// 3.x: the operator's link is pushed after the state. The try that is to push it, if one is.
  var owesLink: Int?
  /// The dbt run of the try under way.
  var dbtRun: Int64?
  var pokesLeft = 0
  var hasDeferred = false
  var hasReturned = false
  /// How many rows this one, with map index -1, becomes; nil when it is not to be expanded.
  var expandsTo: Int?

  static let finished: Set<String> = ["success", "failed", "skipped", "upstream_failed"]

  var isFinished: Bool { state.map(Self.finished.contains) ?? false }
  func hasHistory(of number: Int) -> Bool { history.contains { $0.number == number } }
}

/// One task of a simulated DAG.
struct TaskPlan {
  var taskID: String
  var kind: SimulatedTask.Kind
  var operatorName: String
  var upstream: [String]
  var retries: Int
  var mapping: Mapping

  enum Mapping {
    case none
    /// `.expand([…])`: all rows from the start.
    case literal(Int)
    /// Over an upstream's output: one row -1 that becomes 0.
    case dynamic(Int)
  }
}
