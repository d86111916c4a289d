/// The files that dbt leaves in its target directory and dbt Cloud keeps by step.
public enum ArtifactName: String, Hashable, Sendable, CaseIterable {
  case manifest = "manifest.json"
  case runResults = "run_results.json"
  case catalog = "catalog.json"
  /// Source freshness.
  case sources = "sources.json"
}
