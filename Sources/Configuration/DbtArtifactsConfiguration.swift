/// A folder into which some dbt, not dbt Cloud's, writes its artifacts: an entry of `dbt_artifacts:`.
public struct DbtArtifactsConfiguration: Sendable, Equatable {
  /// Unique; part of the key of its runs.
  public var name: String
  /// dbt's target folder, or one that finished artifacts are copied to.
  public var path: String
  /// Namespace of the project's datasets in OpenLineage events; artifacts do not say where the warehouse is.
  public var datasetNamespace: String?

  public init(name: String, path: String, datasetNamespace: String? = nil) {
    self.name = name
    self.path = path
    self.datasetNamespace = datasetNamespace
  }
}
