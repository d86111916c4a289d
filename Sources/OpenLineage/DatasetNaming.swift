import ExecutionModel

/// In which namespace the tables and views of a dbt project stand, so that they are the same datasets as those that other
/// producers tell of. Pure.
public struct DatasetNaming: Hashable, Sendable {
  /// Whose names are followed where they differ: Redshift and Databricks.
  public enum Style: String, Hashable, Sendable, CaseIterable {
    /// As OpenLineage's own dbt integration names them.
    case producer
    /// As OpenLineage's naming specification has them.
    case spec
  }

  public var style: Style
  /// The namespace of all projects, whatever their connection.
  public var namespace: String?
  /// The namespaces of single projects, by project id.
  public var ofProjects: [Int64: String]

  public init(style: Style = .producer, namespace: String? = nil, ofProjects: [Int64: String] = [:]) {
    self.style = style
    self.namespace = namespace
    self.ofProjects = ofProjects
  }

  /// The namespace of a project's datasets: the configured one; else that of its connection; else, when nothing says
  /// where the warehouse is, the adapter's name alone, or `dbt`.
  /// - Parameters:
  ///   - adapter: `metadata.adapter_type` of the manifest.
  ///   - connection: as dbt Cloud has it, if it is known.
  public func namespace(project: Int64?, adapter: String?, connection: DbtConnection?) -> String {
    if let configured = project.flatMap({ ofProjects[$0] }) ?? namespace { return configured }
    let type = (adapter ?? connection?.type).flatMap { $0.isEmpty || $0 == "adapter" ? nil : $0.lowercased() }
    let warehouse = Warehouse(details: connection?.details ?? [:], style: style)
    return warehouse.namespace(of: type ?? "") ?? type ?? "dbt"
  }
}

/// Where a warehouse is.
private struct Warehouse {
  var details: [String: String]
  var style: DatasetNaming.Style

  /// nil when the details do not say, or the type is not known.
  func namespace(of type: String) -> String? {
    switch type {
    case "bigquery": "bigquery"
    case "snowflake": details["account"].map { "snowflake://\(Self.snowflakeAccount($0))" }
    case "redshift": redshift
    case "postgres", "postgresql": address("postgres", port: "5432")
    case "databricks": address(style == .spec ? "unitycatalog" : "databricks", withPort: false)
    case "spark", "apache_spark": spark
    case "trino", "starburst": address("trino")
    case "presto", "clickhouse", "mysql", "oracle", "teradata": address(type)
    case "dremio": details["software_host"].map { at("dremio", $0, details["port"]) } ?? address("dremio")
    case "sqlserver", "synapse": address("mssql", port: "1433")
    case "fabric": address("fabric-warehouse")
    case "athena": region.map { "awsathena://athena.\($0).amazonaws.com" }
    case "glue": glue
    case "duckdb": details["path"].map { "duckdb://\($0)" }
    default: nil
    }
  }

  private var region: String? { details["region_name"] ?? details["region"] }

  private var host: String? {
    guard let host = details["host"] ?? details["hostname"] ?? details["server"] else { return nil }
    // Some users give an address where a name is asked for.
    let name = host.split(separator: "://", maxSplits: 1).last ?? ""
    let bare = name.hasSuffix("/") ? name.dropLast() : name
    return bare.isEmpty ? nil : String(bare)
  }

  private func address(_ scheme: String, port: String? = nil, withPort: Bool = true) -> String? {
    host.map { at(scheme, $0, withPort ? details["port"] ?? port : nil) }
  }

  private func at(_ scheme: String, _ host: String, _ port: String?) -> String {
    "\(scheme)://\(host)" + (port.map { ":\($0)" } ?? "")
  }

  private var redshift: String? {
    guard let host else { return nil }
    let port = details["port"] ?? "5439"
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    // `cluster.hash.region.redshift.amazonaws.com`, `workgroup.account.region.redshift-serverless.amazonaws.com`
    if style == .spec, labels.count >= 6, labels[3].hasPrefix("redshift") {
      return at("redshift", "\(labels[0]).\(labels[2])", port)
    }
    return at("redshift", host, port)
  }

  private var spark: String? {
    let port: String? =
      switch details["method"] {
      case "http", "odbc": "443"
      case "thrift": "10001"
      default: nil
      }
    return address("spark", port: port)
  }

  private var glue: String? {
    // `arn:aws:iam::<account>:role/<name>`
    let role = details["role_arn"]?.split(separator: ":", omittingEmptySubsequences: false)
    let account = details["account_id"] ?? role.flatMap { $0.count > 4 ? String($0[4]) : nil }
    guard let region, let account, !account.isEmpty else { return nil }
    return "arn:aws:glue:\(region):\(account)"
  }

  /// `organisation-account` as it is; a locator with its region and cloud, by default those that Snowflake had first.
  private static func snowflakeAccount(_ account: String) -> String {
    let suffix = ".snowflakecomputing.com"
    let bare = account.hasSuffix(suffix) ? String(account.dropLast(suffix.utf8.count)) : account
    let parts = bare.split(separator: ".", omittingEmptySubsequences: false)
    if let first = parts.first, first.contains("-") { return String(first) }
    switch parts.count {
    case 1: return "\(bare).us-west-1.aws"
    case 2: return "\(bare).aws"
    default: return bare
    }
  }
}
