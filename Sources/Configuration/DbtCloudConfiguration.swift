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
