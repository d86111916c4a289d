/// Airflow's version by the head of its migrations (`alembic_version.version_num`).
enum AirflowVersion {
  /// Heads that were seen in real databases. Point releases move the head without changing a table that is read here
  /// (3.0.0 and 3.0.6), and releases share one (2.10.5 and 2.11.2): the name is for people, the columns decide.
  private static let names = [
    "e07f49787c9d": "2.4",
    "290244fb8b83": "2.5",
    "c804e5c76e3e": "2.6",
    "405de8318b3a": "2.7",
    "88344c1d9134": "2.8",
    "686269002441": "2.9",
    "5f2621c13b39": "2.10-2.11",
    "29ce7909c52b": "3.0",
    "fe199e1abd77": "3.0",
    "cc92b33c6709": "3.1",
    "509b94a1042d": "3.1",
    "1d6611b6ab7c": "3.2",
    "d2f4e1b3c5a7": "3.3",
  ]

  /// The release or releases with that head; nil for a head that is not known.
  static func name(ofHead head: String) -> String? { names[head] }
}
