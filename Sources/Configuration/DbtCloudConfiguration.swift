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
  /// `requests_per_second`: calls at most.
  public var requestsPerSecond: Double
}
