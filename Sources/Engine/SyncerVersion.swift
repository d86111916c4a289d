/// What this program calls itself.
public enum SyncerVersion {
  /// The release.
  public static let current = "0.1.0"
  /// `producer` of OpenLineage events.
  static let producer = "https://github.com/airflow-syncer/airflow-syncer/tree/\(current)"
}
