import ExecutionModel

/// Which dbt run a lost try started, as far as what dbt Cloud lists can tell.
public enum TryVerdict: Hashable, Sendable {
  /// No run fits.
  case none
  /// One run fits, and no other attempt can have started it. `exact` when the run's cause holds the id of this very
  /// attempt, else a guess.
  case found(FittingRun, Confidence)
  /// Several runs fit, or others can have started the one that fits: none is picked.
  /// - Parameter count: how many fit; `runs` has at most ``maximumCandidates`` of them, those first created.
  case ambiguous([FittingRun], count: Int, isContested: Bool)

  /// How many runs an ambiguous verdict names at most. Ten thousand mapped tasks that start one job at once leave ten
  /// thousand runs for each of them.
  public static let maximumCandidates = 100
}

/// A run that fits a lost try, and why.
public struct FittingRun: Hashable, Sendable {
  /// ``ListedRun/id``
  public var run: Int64
  /// `triggered`, or `retried` when it resumes an earlier run.
  public var relation: Relation
  public var evidence: [Evidence]
}

/// Judges for each lost try which run it started. Pure: the same tries and runs in whatever order give the same verdicts.
///
/// A verdict is a guess unless the cause holds the attempt's own id, and a guess is made only where nothing else is
/// possible: one run fits the try, and the run fits no other try. docs/CORRELATION.md tells the rules.
///
/// - Parameters:
///   - tries: those to be judged and all that may have started the same runs.
///   - runs: the runs that dbt Cloud lists in the time of those tries.
///   - bystanders: attempts that may have started runs of the same tasks and are no lost tries.
/// - Returns: one verdict per try, in the order of `tries`.
public func judge(_ tries: [LostTry], runs: [ListedRun], bystanders: [Bystander] = []) -> [TryVerdict] {
  var judgement = Judgement(tries: tries, runs: runs, bystanders: bystanders)
  return judgement.verdicts()
}

private struct Judgement {
  let tries: [LostTry]
  /// By creation, then by name.
  let runs: [ListedRun]
  let bystanders: [Bystander]
  /// Positions in `runs`, ascending, by the account and what the run says of where it comes from.
  private var runsByText: [Mark: [Int]] = [:]
  private var runsByLineageID: [Mark: [Int]] = [:]
  private var runsByJobName: [Mark: [Int]] = [:]
  private var runsByRetried: [ListedRun.Name: [Int]] = [:]

  private struct Mark: Hashable {
    var account: String
    /// Bytes, because Swift compares text by canonical equivalence.
    var text: [UInt8]

    init(_ account: String, _ text: String) {
      self.account = account
      self.text = Array(text.utf8)
    }
  }

  init(tries: [LostTry], runs: [ListedRun], bystanders: [Bystander]) {
    self.tries = tries
    self.runs = runs.sorted {
      ($0.createdAt, $0.name.account, $0.name.runID) < ($1.createdAt, $1.name.account, $1.name.runID)
    }
    self.bystanders = bystanders
    for (position, run) in self.runs.enumerated() {
      let account = run.name.account
      if let parent = run.parent {
        runsByLineageID[Mark(account, parent.runID), default: []].append(position)
        if let name = parent.jobName { runsByJobName[Mark(account, name), default: []].append(position) }
      } else if let cause = run.cause, !cause.isEmpty {
        runsByText[Mark(account, AirflowCause.cut(cause)), default: []].append(position)
      }
      if let retried = run.retryingRunID {
        runsByRetried[ListedRun.Name(account: account, runID: retried), default: []].append(position)
      }
    }
  }

  mutating func verdicts() -> [TryVerdict] {
    let owned = certain()
    var earlier = tries.map(\.earlierRuns)
    var verdicts = verdicts(owned: owned, earlier: earlier)
    // A run that resumes one of an earlier try fits the later try only once the earlier one is settled. What fits only
    // ever grows, so this ends; as many times as a task instance has tries.
    while addFound(verdicts, to: &earlier) { verdicts = self.verdicts(owned: owned, earlier: earlier) }
    return verdicts
  }

  // MARK: The attempt's own id

  /// The runs whose cause holds the id of one try alone, by position.
  private func certain() -> [Int: Int] {
    guard !runsByLineageID.isEmpty else { return [:] }
    var bearers: [String: Int] = [:]
    for one in tries { if let id = one.lineageRunID { bearers[id, default: 0] += 1 } }
    var owned: [Int: Int] = [:]
    for (position, one) in tries.enumerated() {
      guard let id = one.lineageRunID, !one.sharesLineageRunID, bearers[id] == 1 else { continue }
      for account in one.accounts { for run in runsByLineageID[Mark(account, id)] ?? [] { owned[run] = position } }
    }
    return owned
  }

  // MARK: What fits

  private struct Fit {
    var runs: [Int] = []
    var count = 0
  }

  private func verdicts(owned: [Int: Int], earlier: [Set<ListedRun.Name>]) -> [TryVerdict] {
    var own: [Int: [Int]] = [:]
    for (run, position) in owned { own[position, default: []].append(run) }
    // What the attempt's own id decides does not ask who else is said to have started the run.
    let isFree = runs.indices.map { owned[$0] == nil && !runs[$0].isTaken }
    var fits: [Fit] = []
    var claims = [Int](repeating: 0, count: runs.count)
    for (position, one) in tries.enumerated() {
      var fit = Fit()
      for run in candidates(of: one, earlier: earlier[position]) where isFree[run] && one.fitsJob(runs[run]) {
        fit.count += 1
        claims[run] += 1
        if fit.runs.count < TryVerdict.maximumCandidates { fit.runs.append(run) }
      }
      fits.append(fit)
    }
    return tries.indices.map { position in
      let one = tries[position]
      func fitting(_ runs: [Int]) -> [FittingRun] { runs.map { describe($0, one, earlier[position]) } }
      if let exact = own[position]?.sorted() {
        guard exact.count > 1 else { return .found(fitting(exact)[0], .exact) }
        return .ambiguous(
          fitting(Array(exact.prefix(TryVerdict.maximumCandidates))), count: exact.count, isContested: false)
      }
      let fit = fits[position]
      guard let first = fit.runs.first else { return .none }
      let isContested = fit.count == 1 && (claims[first] > 1 || isInTimeOfBystander(runs[first], one))
      if fit.count > 1 || isContested {
        return .ambiguous(fitting(fit.runs), count: fit.count, isContested: isContested)
      }
      return .found(fitting(fit.runs)[0], .inferred)
    }
  }

  /// Positions of the runs that fit a try by time, and by cause or by what they resume; ascending.
  private func candidates(of one: LostTry, earlier: Set<ListedRun.Name>) -> [Int] {
    var found: [ArraySlice<Int>] = []
    func add(_ positions: [Int]?) {
      let inTime = inWindow(of: one, positions ?? [])
      if !inTime.isEmpty { found.append(inTime) }
    }
    for account in one.accounts {
      for cause in one.causes { add(runsByText[Mark(account, cause)]) }
      if let id = one.lineageRunID {
        // Only where several attempts have this id is it not decided yet.
        add(runsByLineageID[Mark(account, id)])
      } else {
        add(runsByJobName[Mark(account, "\(one.dagID).\(one.key.taskID)")])
      }
    }
    for name in earlier where one.accounts.contains(name.account) { add(runsByRetried[name]) }
    return found.count == 1 ? Array(found[0]) : Set(found.joined()).sorted()
  }

  /// Those of `positions`, which ascend, whose run was created in the try's time.
  private func inWindow(of one: LostTry, _ positions: [Int]) -> ArraySlice<Int> {
    let window = one.window
    let lower = positions.partitionPoint { runs[$0].createdAt >= window.lowerBound }
    let upper = positions.partitionPoint { runs[$0].createdAt > window.upperBound }
    return positions[lower..<max(lower, upper)]
  }

  private func isInTimeOfBystander(_ run: ListedRun, _ one: LostTry) -> Bool {
    bystanders.contains { other in
      other.dagID.hasSameBytes(as: one.dagID) && other.taskID.hasSameBytes(as: one.key.taskID)
        && LostTry.window(start: other.start, end: other.end ?? Instant(microseconds: .max)).contains(run.createdAt)
    }
  }

  private func describe(_ position: Int, _ one: LostTry, _ earlier: Set<ListedRun.Name>) -> FittingRun {
    let run = runs[position]
    var evidence: [Evidence] = []
    if let parent = run.parent, parent.runID == one.lineageRunID {
      evidence.append(Evidence(kind: "cause_run_id", value: parent.runID))
    } else if let cause = run.cause, one.names(run) {
      evidence.append(Evidence(kind: "cause", value: cause))
    }
    if let retried = run.retryingRunID,
      earlier.contains(ListedRun.Name(account: run.name.account, runID: retried))
    {
      evidence.append(Evidence(kind: "retrying_run_id", value: String(retried)))
    }
    if one.window.contains(run.createdAt) {
      evidence.append(Evidence(kind: "time_window", value: "created at \(run.createdAt.rfc3339), while it ran"))
    }
    return FittingRun(
      run: run.id, relation: run.retryingRunID == nil ? .triggered : .retried, evidence: evidence)
  }

  // MARK: Tries after tries

  /// Lets later tries know what earlier ones of the same task instance were found to have started. Returns whether that
  /// was news.
  private func addFound(_ verdicts: [TryVerdict], to earlier: inout [Set<ListedRun.Name>]) -> Bool {
    struct Instance: Hashable {
      var dagRun: Int64
      var taskID: String
      var mapIndex: Int
    }
    guard !runsByRetried.isEmpty else { return false }
    let names = Dictionary(runs.map { ($0.id, $0.name) }) { first, _ in first }
    var found: [Instance: [(number: Int, name: ListedRun.Name)]] = [:]
    for (one, verdict) in zip(tries, verdicts) {
      guard case .found(let fitting, _) = verdict, let name = names[fitting.run], runsByRetried[name] != nil else {
        continue
      }
      let instance = Instance(dagRun: one.dagRun, taskID: one.key.taskID, mapIndex: one.key.mapIndex)
      found[instance, default: []].append((one.key.tryNumber, name))
    }
    var isNews = false
    for (position, one) in tries.enumerated() {
      let instance = Instance(dagRun: one.dagRun, taskID: one.key.taskID, mapIndex: one.key.mapIndex)
      for (number, name) in found[instance] ?? [] where number < one.key.tryNumber {
        isNews = earlier[position].insert(name).inserted || isNews
      }
    }
    return isNews
  }
}

extension Array {
  /// The first index for which `isBehind` holds; every element behind it holds too.
  fileprivate func partitionPoint(_ isBehind: (Element) -> Bool) -> Int {
    var (lower, upper) = (startIndex, endIndex)
    while lower < upper {
      let middle = lower + (upper - lower) / 2
      if isBehind(self[middle]) { upper = middle } else { lower = middle + 1 }
    }
    return lower
  }
}
