/// A folder into which some dbt, not dbt Cloud's, writes its artifacts: an entry of `dbt_artifacts:`.
public struct DbtArtifactsConfiguration: Sendable, Equatable {
  /// Unique; part of the key of its runs.
  public var name: String
  /// dbt's target folder, or one that finished artifacts are copied to.
  public var path: String

  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }
}
