import ExecutionModel

/// What becomes of a candidate once dbt Cloud was asked for its run.
public enum CandidateVerdict: Hashable, Sendable {
  /// The run was created while the attempt ran: the candidate is a strong link.
  case confirmed
  /// The number is no id of a run that this attempt can have started.
  case rejected(reason: String)
}

/// How far the clocks of Airflow's workers and of dbt Cloud may differ, in seconds.
public let clockTolerance: Int64 = 2

/// Judges a candidate by when dbt Cloud created the run of that id: it has to be within the attempt's time, two
/// seconds more on either side.
///
/// - Parameters:
///   - createdAt: `created_at` of the run; nil when dbt Cloud gives none, which confirms nothing.
///   - attemptStart: `start_date` of the attempt.
///   - attemptEnd: its `end_date`; nil while it runs.
public func confirm(
  candidate: LinkProposal, createdAt: Instant?, attemptStart: Instant?, attemptEnd: Instant?
) -> CandidateVerdict {
  candidate.isCandidate
    ? confirm(createdAt: createdAt, attemptStart: attemptStart, attemptEnd: attemptEnd) : .confirmed
}

/// Judges whether an attempt can have started a run that dbt Cloud created at `createdAt`, see
/// ``confirm(candidate:createdAt:attemptStart:attemptEnd:)``.
public func confirm(createdAt: Instant?, attemptStart: Instant?, attemptEnd: Instant?) -> CandidateVerdict {
  guard let createdAt else { return .rejected(reason: "dbt Cloud does not say when the run was created") }
  guard let attemptStart else { return .rejected(reason: "the attempt never started") }
  if createdAt < attemptStart.advanced(bySeconds: -clockTolerance) {
    return .rejected(reason: "the run was created at \(createdAt.rfc3339), before the attempt started")
  }
  if let attemptEnd, createdAt > max(attemptStart, attemptEnd).advanced(bySeconds: clockTolerance) {
    return .rejected(reason: "the run was created at \(createdAt.rfc3339), after the attempt ended")
  }
  return .confirmed
}

/// The relation of a link once its dbt run is known: a run operator's attempt whose run was created before the attempt
/// started did not trigger it but found it under way (`reuse_existing_run`).
public func relation(of relation: Relation, createdAt: Instant?, attemptStart: Instant?) -> Relation {
  guard relation == .triggered, let createdAt, let attemptStart,
    createdAt < attemptStart.advanced(bySeconds: -clockTolerance)
  else { return relation }
  return .reused
}

/// Which of several attempts that name one run as theirs found it under way: those that started after it was created,
/// when another had started before. Clocks are compared as they are: within one run of a DAG two attempts that both
/// started it cannot be.
///
/// - Parameter starts: `start_date` of each attempt; nil says nothing.
/// - Returns: for each attempt whether it reused the run.
public func reuses(among starts: [Instant?], createdAt: Instant?) -> [Bool] {
  guard let createdAt, starts.contains(where: { $0.map { $0 <= createdAt } ?? false }) else {
    return starts.map { _ in false }
  }
  return starts.map { start in start.map { $0 > createdAt } ?? false }
}
