/// Why a task attempt and a dbt run belong together.
public enum Relation: String, Hashable, Sendable, CaseIterable {
  /// The attempt started the dbt run.
  case triggered
  /// The attempt found a run of the job under way and waited for that (`reuse_existing_run`).
  case reused
  /// The attempt resumed an earlier dbt run from its point of failure (`retry_from_failure`), which made this run.
  case retried
  /// A sensor waited for a dbt run that something else started.
  case waitedFor = "waited_for"
  /// The attempt read artifacts of a dbt run that something else started.
  case readArtifacts = "read_artifacts"
}

/// How sure a link is; follows from its strongest evidence alone.
public enum Confidence: String, Hashable, Sendable, CaseIterable, Comparable {
  case ambiguous, inferred, strong, exact

  public static func < (left: Confidence, right: Confidence) -> Bool { left.rank < right.rank }

  private var rank: Int {
    switch self {
    case .ambiguous: 0
    case .inferred: 1
    case .strong: 2
    case .exact: 3
    }
  }
}

/// One piece of evidence and where it was found.
public struct Evidence: Hashable, Sendable {
  /// Where it was found, e.g. `xcom_job_run_url`, `rendered_run_id`, `cause_run_id`; docs/CORRELATION.md lists them.
  public var kind: String
  /// What was found there, as text.
  public var value: String

  public init(kind: String, value: String) {
    self.kind = kind
    self.value = value
  }
}

/// A dbt Cloud run as far as evidence names it. Host and account may be unknown.
public struct DbtRunReference: Hashable, Sendable {
  /// Host of the URL that named the run, without port.
  public var host: String?
  public var accountID: Int64?
  public var projectID: Int64?
  /// dbt Cloud's run id; 64 bits (14 digits are common).
  public var runID: Int64

  public init(host: String? = nil, accountID: Int64? = nil, projectID: Int64? = nil, runID: Int64) {
    self.host = host
    self.accountID = accountID
    self.projectID = projectID
    self.runID = runID
  }
}

/// What correlation proposes for one attempt, from evidence in Airflow's database alone.
public struct LinkProposal: Hashable, Sendable {
  public var attempt: AttemptKey
  /// nil when no evidence names a run: ``unresolved`` says why (an object-storage reference, garbage), or it is a candidate
  /// because Airflow has deleted what the attempt wrote. Either way dbt Cloud is searched.
  public var target: DbtRunReference?
  public var relation: Relation
  public var confidence: Confidence
  /// A number or answer of a generic task: no link until dbt Cloud knows such a run, created while the attempt ran. Or an
  /// attempt without any evidence: no link until dbt Cloud lists a run that fits.
  public var isCandidate: Bool
  public var evidence: [Evidence]
  /// Why no dbt run could be named.
  public var unresolved: String?

  public init(
    attempt: AttemptKey, target: DbtRunReference?, relation: Relation, confidence: Confidence,
    isCandidate: Bool = false,
    evidence: [Evidence], unresolved: String? = nil
  ) {
    self.attempt = attempt
    self.target = target
    self.relation = relation
    self.confidence = confidence
    self.isCandidate = isCandidate
    self.evidence = evidence
    self.unresolved = unresolved
  }
}

/// A link as it stands in a record.
public struct RunLink: Hashable, Sendable {
  /// The dbt run; nil for an ambiguous link or one whose evidence names no run.
  public var key: DbtRunKey?
  public var relation: Relation
  /// Of a run that was `retried`: the run that it resumed.
  public var retriedRun: DbtRunKey?
  public var confidence: Confidence
  /// Why the dbt run is not in the record (account not configured, 404, token refused); nil when it is.
  public var unresolved: String?
  public var evidence: [Evidence]
  /// The runs between which an ambiguous link cannot choose.
  public var candidates: [DbtRunKey]

  public init(
    key: DbtRunKey?, relation: Relation, retriedRun: DbtRunKey? = nil, confidence: Confidence,
    unresolved: String? = nil, evidence: [Evidence], candidates: [DbtRunKey] = []
  ) {
    self.key = key
    self.relation = relation
    self.retriedRun = retriedRun
    self.confidence = confidence
    self.unresolved = unresolved
    self.evidence = evidence
    self.candidates = candidates
  }
}
