import ExecutionModel
import JSONText

/// The links between task attempts and dbt Cloud runs that Airflow's own tables give evidence for.
///
/// Pure: the same snapshot and attempts give the same proposals, ordered by attempt and run. There is one proposal
/// per attempt and run, with all evidence that names the run. docs/CORRELATION.md tells the rules.
///
/// - Parameters:
///   - snapshot: what Airflow shows of one DAG run now.
///   - known: attempts of that DAG run that were read before, the only trace of tries that Airflow no longer shows.
///     Where the snapshot has the same attempt, the snapshot counts.
public func proposeLinks(for snapshot: DagRunSnapshot, known: [KnownAttempt]) -> [LinkProposal] {
  // Most tasks of most runs have nothing to do with dbt.
  var tasks = Set(snapshot.xcoms.lazy.map(\.taskID)).union(snapshot.renderedFields.lazy.map(\.taskID))
  for attempt in known where attempt.operatorName == TaskRole.runOperator { tasks.insert(attempt.key.taskID) }
  for attempt in snapshot.attempts where attempt.operatorName == TaskRole.runOperator {
    tasks.insert(attempt.key.taskID)
  }
  guard !tasks.isEmpty else { return [] }
  var attempts: [AttemptKey: KnownAttempt] = [:]
  for attempt in known where tasks.contains(attempt.key.taskID) { attempts[attempt.key] = attempt }
  var shown: Set<AttemptKey> = []
  for attempt in snapshot.attempts where tasks.contains(attempt.key.taskID) {
    attempts[attempt.key] = KnownAttempt(attempt)
    shown.insert(attempt.key)
  }
  var tries = Dictionary(grouping: attempts.values, by: \.instance)
  for (key, start) in snapshot.hiddenTries where attempts[key]?.startDate == nil {
    let hidden = KnownAttempt(key: key, startDate: start, endDate: nil, operatorName: nil, state: nil)
    tries[hidden.instance, default: []].append(hidden)
  }

  var xcoms: [AttemptKey: [RunXComKey: XCom]] = [:]
  for xcom in snapshot.xcoms {
    let instance = TaskInstanceID(taskID: xcom.taskID, mapIndex: xcom.mapIndex)
    guard let key = RunXComKey(rawValue: xcom.key), let tries = tries[instance],
      let attempt = XComAttribution.attempt(of: xcom, among: tries)
    else { continue }
    // Where Airflow keeps no history, a try that came and went between two reads is known by the missing number only.
    if !shown.contains(attempt), XComAttribution.mayBeOfUnseenTry(xcom, among: tries) { continue }
    xcoms[attempt, default: [:]][key] = xcom
  }
  var fields: [TaskInstanceID: RenderedRun] = [:]
  var rendered: [AttemptKey: RenderedRun] = [:]
  for row in snapshot.renderedFields {
    let instance = TaskInstanceID(taskID: row.taskID, mapIndex: row.mapIndex)
    let run = RenderedRun(row)
    fields[instance] = run
    if let attempt = attemptShown(by: tries[instance] ?? []) { rendered[attempt] = run }
  }

  var proposals: [LinkProposal] = []
  for key in Set(xcoms.keys).union(rendered.keys).sorted() {
    guard let attempt = attempts[key] else { continue }
    proposals +=
      AttemptEvidence(
        attempt: attempt, xcoms: xcoms[key] ?? [:], rendered: rendered[key],
        hints: fields[attempt.instance]?.hints ?? []
      ).proposals
  }
  proposals = withoutPassedOn(proposals, attempts: attempts)
  let lost = lostTries(
    among: tries, linked: Set(proposals.lazy.map(\.attempt)), wroteRunXCom: xcoms, fields: fields)
  return lost.isEmpty ? proposals : (proposals + lost).sorted { $0.attempt < $1.attempt }
}

/// The tries that ran and are over, whose task starts dbt Cloud runs, and that no evidence is left of: a proposal without
/// a run for each, so that dbt Cloud is searched. It is no link while nothing is found.
private func lostTries(
  among tries: [TaskInstanceID: [KnownAttempt]], linked: Set<AttemptKey>,
  wroteRunXCom xcoms: [AttemptKey: [RunXComKey: XCom]], fields: [TaskInstanceID: RenderedRun]
) -> [LinkProposal] {
  var runTasks: Set<String> = []
  for (key, own) in xcoms where own.keys.contains(where: \.isOfRunOperator) { runTasks.insert(key.taskID) }
  for (instance, run) in fields where run.isOfRunOperator { runTasks.insert(instance.taskID) }
  var proposals: [LinkProposal] = []
  for (instance, tries) in tries {
    // All tries of a task have one operator; of hidden ones it is not known.
    let name = tries.lazy.compactMap(\.operatorName).first
    guard name == TaskRole.runOperator || runTasks.contains(instance.taskID),
      TaskRole(operatorName: name, wroteRunXCom: true) == .run
    else { continue }
    let newest = tries.max { $0.key < $1.key }?.key.tryNumber ?? 0
    for attempt in tries where !linked.contains(attempt.key) && attempt.operatorName != nil {
      // Up to Airflow 2.9 a row that goes on to its next try leaves the one before as it was last seen.
      let isOver = attempt.isOver || (attempt.startDate != nil && (1..<max(1, newest)).contains(attempt.key.tryNumber))
      // A try that ended without running keeps the start of the try before it.
      let ran = !tries.contains { $0.startDate == attempt.startDate && $0.key < attempt.key }
      guard isOver, ran else { continue }
      proposals.append(
        LinkProposal(
          attempt: attempt.key, target: nil, relation: .triggered, confidence: .inferred, isCandidate: true,
          evidence: fields[instance]?.hints ?? []))
    }
  }
  return proposals
}

/// The attempt whose template fields Airflow shows: the newest that started, since each try overwrites them.
/// While a later try runs, the fields may still be those of the try before it, so they are given to none.
private func attemptShown(by tries: [KnownAttempt]) -> AttemptKey? {
  guard let newest = tries.filter({ $0.startDate != nil }).max(by: { $0.key < $1.key }) else { return nil }
  return newest.state == "running" && newest.key.tryNumber > 1 ? nil : newest.key
}

/// Drops candidates for a run that an earlier attempt is known to have triggered: a task that hands on the id which
/// it was given did not start the run.
private func withoutPassedOn(_ proposals: [LinkProposal], attempts: [AttemptKey: KnownAttempt]) -> [LinkProposal] {
  var triggered: [Int64: [LinkProposal]] = [:]
  for proposal in proposals where proposal.confidence == .exact && !proposal.isCandidate {
    if let run = proposal.target?.runID { triggered[run, default: []].append(proposal) }
  }
  return proposals.filter { candidate in
    guard candidate.isCandidate, let target = candidate.target, let start = attempts[candidate.attempt]?.startDate
    else { return true }
    return !(triggered[target.runID] ?? []).contains { link in
      guard let earlier = attempts[link.attempt]?.startDate, let run = link.target else { return false }
      return earlier <= start && run.isCompatible(with: target)
    }
  }
}
