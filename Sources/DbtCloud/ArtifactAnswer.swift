/// What became of the request for an artifact.
public enum ArtifactAnswer: Hashable, Sendable {
  /// The file is there; so many bytes.
  case fetched(bytes: Int)
  /// dbt Cloud answered 404: the step has no such artifact (or the token must not see it, which looks the same).
  case missing
}
