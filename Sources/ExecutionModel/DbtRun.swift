/// What identifies a dbt run.
public enum DbtRunKey: Hashable, Sendable, CustomStringConvertible {
  /// `cloud/<host>/<account id>/<run id>`
  case cloud(host: String, accountID: Int64, runID: Int64)
  /// `core/<name>/<invocation id>`
  case core(name: String, invocationID: String)

  public var description: String {
    switch self {
    case .cloud(let host, let accountID, let runID): "cloud/\(host)/\(accountID)/\(runID)"
    case .core(let name, let invocationID): "core/\(name)/\(invocationID)"
    }
  }

  /// Reads what ``description`` writes.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 4, parts[0] == "cloud", !parts[1].isEmpty, let account = Int64(parts[2]),
      let run = Int64(parts[3])
    {
      self = .cloud(host: parts[1], accountID: account, runID: run)
    } else if parts.count >= 3, parts[0] == "core", !parts[1].isEmpty, parts.dropFirst(2) != [""] {
      self = .core(name: parts[1], invocationID: parts[2...].joined(separator: "/"))
    } else {
      return nil
    }
    // One key, one text: no `+1` or `01`.
    if description != text { return nil }
  }
}

/// One dbt Cloud run (GET /api/v2/accounts/{account}/runs/{id}/ with trigger, job, environment and run_steps).
public struct DbtRun: Hashable, Sendable {
  public var key: DbtRunKey
  /// Name of the account in the configuration (`dbt_cloud[].name`).
  public var account: String?
  public var accountID: Int64?
  public var host: String?
  public var runID: Int64?
  public var jobID: Int64?
  public var jobName: String?
  public var projectID: Int64?
  public var projectName: String?
  public var environmentID: Int64?
  public var environmentName: String?
  /// queued, starting, running, success, error, cancelled; another code is kept as its number in text.
  public var status: String
  public var statusCode: Int?
  public var statusMessage: String?
  /// `trigger.cause`
  public var cause: String?
  public var createdAt: Instant?
  public var startedAt: Instant?
  public var finishedAt: Instant?
  public var gitBranch: String?
  public var gitSHA: String?
  public var dbtVersion: String?
  public var href: String?
  /// `retrying_run_id`: the run that this one resumes from its point of failure.
  public var retryingRunID: Int64?
  /// `artifacts_saved`: while false, a 404 for an artifact may mean that it is not there yet.
  public var artifactsSaved: Bool?
  /// Whether dbt Cloud will change this run no more and everything that it offers was read.
  public var isComplete: Bool
  public var steps: [DbtStep]

  public init(key: DbtRunKey, status: String, isComplete: Bool = false, steps: [DbtStep] = []) {
    self.key = key
    self.status = status
    self.isComplete = isComplete
    self.steps = steps
  }

  /// The name of a dbt Cloud status code (API v2 `RunResponse.status`); unknown codes are kept as text.
  public static func statusName(code: Int) -> String {
    switch code {
    case 1: "queued"
    case 2: "starting"
    case 3: "running"
    case 10: "success"
    case 20: "error"
    case 30: "cancelled"
    default: String(code)
    }
  }
}

/// How one artifact of one step was received.
public enum ArtifactState: String, Hashable, Sendable {
  /// Read and understood.
  case fetched
  /// dbt Cloud answered 404: this step has none.
  case missing
  /// Not asked for, because a step of this kind has none.
  case notApplicable = "not_applicable"
  /// Received but not readable; the record is kept without its results.
  case invalid
  /// Not tried yet, or to be tried again.
  case pending
}

/// One step of a dbt Cloud run (`run_steps[]`), with the results of its dbt invocation.
public struct DbtStep: Hashable, Sendable {
  /// 1-based; what `?step=` takes.
  public var index: Int
  public var name: String?
  /// `args.which` of run_results, else the word after `dbt` in the name: build, run, test, seed, …
  public var command: String?
  public var status: String?
  public var startedAt: Instant?
  public var finishedAt: Instant?
  public var invocationID: String?
  /// `metadata.dbt_version` of the artifacts: `1.9.11`, where the run may only say `versionless`.
  public var dbtVersion: String?
  /// `metadata.adapter_type` of the manifest: postgres, snowflake, …
  public var adapter: String?
  /// `metadata.project_name` of the manifest (dbt 1.5 and later).
  public var projectName: String?
  /// `args.full_refresh`
  public var isFullRefresh: Bool?
  public var manifest: ArtifactState
  public var runResults: ArtifactState
  public var catalog: ArtifactState
  public var sources: ArtifactState
  public var results: [DbtNodeResult]
  public var freshness: [DbtFreshness]
  /// The nodes of ``results`` and ``freshness``, and those that they read (``DbtNodeResult/inputs``), by unique_id; empty
  /// without a manifest.
  public var nodes: [String: DbtNode]

  public init(index: Int, name: String? = nil) {
    self.index = index
    self.name = name
    manifest = .pending
    runResults = .pending
    catalog = .notApplicable
    sources = .notApplicable
    results = []
    freshness = []
    nodes = [:]
  }
}

/// One row of run_results, joined with its node in the manifest of the same invocation.
public struct DbtNodeResult: Hashable, Sendable {
  public var uniqueID: String
  /// model, test, seed, snapshot, unit_test, exposure, operation, …
  public var resourceType: String?
  public var name: String?
  /// The dbt package that defines the node.
  public var package: String?
  /// `original_file_path`
  public var path: String?
  /// `meta.owner` where the project sets it.
  public var owner: String?
  public var group: String?
  public var tags: [String]
  /// As dbt writes it: success, error, skipped, partial success, pass, warn, fail, no-op, reused, …
  public var status: String
  /// `database.schema.alias`, unquoted; nil for ephemeral models and tests.
  public var relation: String?
  /// `config.materialized`: table, view, incremental, ephemeral, …
  public var materialized: String?
  public var startedAt: Instant?
  public var completedAt: Instant?
  /// `execution_time` in seconds.
  public var executionTime: Double?
  public var thread: String?
  /// `adapter_response.rows_affected`; absent or negative (views) is nil.
  public var rowsAffected: Int64?
  /// Failing rows of a test.
  public var failures: Int64?
  public var message: String?
  /// `adapter_response.query_id` or `job_id`; of BigQuery `project:location.job_id`.
  public var queryID: String?
  /// `depends_on.nodes`
  public var dependsOn: [String]
  /// The nodes with a relation of their own that this one reads: `dependsOn`, through ephemeral models to what those read.
  public var inputs: [String]
  /// Rows and bytes of the node's relation as the catalog of the same run counts them.
  public var relationRows: Int64?
  public var relationBytes: Int64?
  /// Batches of a microbatch model (`batch_results`, dbt 1.9 and later); nil for anything else.
  public var batches: DbtBatches?
  /// The node a generic test is attached to.
  public var attachedNode: String?
  /// The column a generic test checks.
  public var column: String?
  /// `test_metadata.name` of a generic test, with its package as `package.name` unless it is dbt's own.
  public var test: String?
  /// `config.severity` of a test, lower case.
  public var severity: String?

  public init(uniqueID: String, status: String) {
    self.uniqueID = uniqueID
    self.status = status
    tags = []
    dependsOn = []
    inputs = []
  }
}

/// How the batches of a microbatch model went.
public struct DbtBatches: Hashable, Sendable {
  public var successful: Int
  public var failed: Int

  public init(successful: Int, failed: Int) {
    self.successful = successful
    self.failed = failed
  }
}

/// One row of sources.json: the freshness of a source.
public struct DbtFreshness: Hashable, Sendable {
  public var uniqueID: String
  /// pass, warn, error, runtime error; others as they are.
  public var status: String
  public var maxLoadedAt: Instant?
  public var snapshottedAt: Instant?
  /// `max_loaded_at_time_ago_in_s`
  public var ageSeconds: Double?
  /// What went wrong, for a runtime error.
  public var error: String?

  public init(uniqueID: String, status: String) {
    self.uniqueID = uniqueID
    self.status = status
  }
}
