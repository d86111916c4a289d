import ExecutionModel

/// What one answer of the API says of a run. Two that are equal, before and after its artifacts were read, tell that
/// those belong together.
public struct DbtRunHead: Hashable, Sendable {
  /// The run with its steps, without results.
  public var run: DbtRun
  /// `updated_at`
  public var updatedAt: Instant?
  /// `has_docs_generated`
  public var hasDocs: Bool

  public init(run: DbtRun, updatedAt: Instant? = nil, hasDocs: Bool = false) {
    self.run = run
    self.updatedAt = updatedAt
    self.hasDocs = hasDocs
  }
}
