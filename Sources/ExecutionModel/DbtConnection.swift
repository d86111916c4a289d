/// How dbt Cloud reaches a project's warehouse (`project.connection` of API v3): what the namespaces of its datasets are
/// made of.
public struct DbtConnection: Hashable, Sendable {
  /// As the account's users named it.
  public var name: String?
  /// postgres, redshift, snowflake, bigquery, databricks, …; `adapter` where only the artifacts say which.
  public var type: String?
  /// Of ``usedDetails`` those that are there, numbers as text.
  public private(set) var details: [String: String]

  /// What namespaces are made of. Nothing else of a connection is kept: the rest may be secret.
  public static let usedDetails: Set<String> = [
    "account", "account_id", "cluster_id", "host", "hostname", "method", "path", "port", "region", "region_name",
    "role_arn", "server", "software_host",
  ]

  /// - Parameter details: the connection's details by name; those that nobody uses, and empty ones, are left out. Of
  ///   `connection_details.fields` the value of each.
  public init(name: String?, type: String?, details: [String: String]) {
    self.name = name
    self.type = type
    self.details = details.filter { Self.usedDetails.contains($0.key) && !$0.value.isEmpty }
  }
}
