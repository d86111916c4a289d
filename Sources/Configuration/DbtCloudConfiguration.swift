/// One dbt Cloud account: an entry of `dbt_cloud:`.
public struct DbtCloudConfiguration: Sendable, Equatable {
  /// Unique among the accounts.
  public var name: String
  /// The number after `/accounts/` or `/deploy/` in dbt Cloud's addresses.
  public var accountID: Int64
  /// The account's access URL, without the API's path.
  public var url: EndpointURL
  /// A service token.
  public var token: Secret
  /// What the run ids of its dbt runs are derived from, and the namespace of its jobs.
  public var namespace: String
  /// Certificates to trust instead of the system's, PEM.
  public var caFile: String?
  /// Whose names of datasets are followed.
  public var datasetNaming: DatasetStyle
  /// What the datasets' namespaces are, whatever the connections of the projects say.
  public var datasetNamespace: DatasetNamespaces
  /// `requests_per_second`: calls at most.
  public var requestsPerSecond: Double
  /// `max_artifact_bytes`: what an artifact may have.
  public var maximumArtifactBytes: Int
  /// Which dbt runs are recorded.
  public var runs: WantedRuns
  /// How much history of all runs is loaded at first contact.
  public var backfill: Backfill
  /// Of all runs those that are wanted.
  public var filter: DbtRunSelection
}

/// Which dbt runs of an account are recorded.
public enum WantedRuns: String, Sendable, CaseIterable {
  /// Those that Airflow's attempts lead to.
  case linked
  /// All of them.
  case all
}

/// Of all runs of an account those of certain jobs, projects and environments. Empty means all; a run must pass each list.
public struct DbtRunSelection: Sendable, Hashable {
  public var jobs: Set<Int64>
  public var projects: Set<Int64>
  public var environments: Set<Int64>

  public init(jobs: Set<Int64> = [], projects: Set<Int64> = [], environments: Set<Int64> = []) {
    self.jobs = jobs
    self.projects = projects
    self.environments = environments
  }

  /// Whether a run of this job, project and environment is wanted. What is not known passes no list.
  public func includes(job: Int64?, project: Int64?, environment: Int64?) -> Bool {
    func passes(_ id: Int64?, _ list: Set<Int64>) -> Bool { list.isEmpty || id.map(list.contains) ?? false }
    return passes(job, jobs) && passes(project, projects) && passes(environment, environments)
  }
}

/// Whose names of datasets are followed where they differ.
public enum DatasetStyle: String, Sendable, CaseIterable {
  /// OpenLineage's own dbt integration.
  case producer
  /// OpenLineage's naming specification.
  case spec
}

/// Namespaces of datasets: one for all projects of an account, or one for each.
public struct DatasetNamespaces: Sendable, Hashable {
  public var all: String?
  /// By project id.
  public var ofProjects: [Int64: String]

  public init(all: String? = nil, ofProjects: [Int64: String] = [:]) {
    self.all = all
    self.ofProjects = ofProjects
  }
}
