/// Names a part of a syncer: what is read, asked or delivered to by itself. At most one syncer at a time works as a part on
/// a ledger.
public struct PartName: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// What kind of part, as the configuration calls it.
  public enum Kind: String, Sendable, CaseIterable {
    case airflow
    case dbtCloud = "dbt_cloud"
    case dbtArtifacts = "dbt_artifacts"
    case sink
    /// What keeps the ledger within its bounds; there is one.
    case upkeep

    /// Whether one syncer of several has it alone. A folder belongs to its machine, and what is found there is recorded
    /// once, whoever finds it.
    public var isLeased: Bool { self != .dbtArtifacts }
  }

  public let kind: Kind
  /// Its name in the configuration.
  public let name: String

  public init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }

  /// What keeps the ledger within its bounds.
  public static let upkeep = PartName(.upkeep, "ledger")

  public var description: String { "\(kind.rawValue)/\(name)" }

  public static func < (left: PartName, right: PartName) -> Bool { left.description < right.description }
}
