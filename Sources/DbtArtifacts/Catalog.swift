import ExecutionModel
import JSONText

/// `catalog.json` (schema v1): the columns of tables and views as the warehouse has them, and how large those are.
/// `dbt docs generate` writes it; tables of failing rows of tests are among its nodes.
public struct Catalog: Sendable {
  /// Which invocation wrote the file.
  public var metadata = ArtifactMetadata()
  /// By unique_id; only those that were asked for.
  public var nodes: [String: CatalogNode] = [:]

  /// - Parameter wanted: the unique_ids whose tables and views are kept; nil for all that are relations of the project.
  /// - Throws: ``ArtifactError`` when the file is no JSON or `nodes` or `sources` is no object.
  public init(path: String, keeping wanted: Set<String>?) throws(ArtifactError) {
    let name = ArtifactName.catalog.rawValue
    var read = Catalog()
    var pool = TextPool.ofArtifact()
    try ArtifactError.reading(path, as: name) { cursor, place in
      try cursor.object { key, value in
        let section = key.string
        place = ReadingPlace(section: section)
        switch section {
        case "metadata": read.metadata = try ArtifactMetadata(reading: &value)
        case "nodes", "sources":
          guard value.isObject else {
            throw ArtifactError(
              kind: .unexpectedShape, artifact: name, place: section, message: "an object was expected")
          }
          try value.object { key, value in
            let uniqueID = key.string
            guard wanted?.contains(uniqueID) ?? Self.isRelation(uniqueID) else { return }
            place.member = uniqueID
            read.nodes.updateValue(try CatalogNode(reading: &value, &pool), forKey: uniqueID)
          }
        default: break
        }
      }
    }
    self = read
  }

  private static func isRelation(_ uniqueID: String) -> Bool {
    RelationName.isNode(ofType: String(uniqueID.prefix { $0 != "." }))
  }

  init() {}
}

/// What a catalog says about one table or view.
public struct CatalogNode: Hashable, Sendable {
  /// In the order of the table; described by comments in the warehouse.
  public var columns: [DbtColumn] = []
  /// How many rows the warehouse says there are.
  public var rows: Int64?
  /// How many bytes the warehouse says it stores.
  public var bytes: Int64?

  public init() {}

  init(reading cursor: inout JSONCursor, _ pool: inout TextPool) throws {
    var node = CatalogNode()
    var columns: [(index: Int64, column: DbtColumn)] = []
    try cursor.members { key, value in
      switch key {
      case "columns":
        try value.members { key, value in
          let ownKey = key
          var name: String?
          var type: String?
          var comment: String?
          var index = Int64.max
          try value.members { key, value in
            switch key {
            case "name": name = try value.optionalString(&pool)
            case "type": type = try value.optionalText(&pool)
            case "index": index = try value.optionalCount() ?? .max
            case "comment": comment = try value.optionalText(&pool)
            default: break
            }
          }
          if name?.isEmpty ?? true { name = ownKey.string(&pool) }
          columns.append((index, DbtColumn(name: name ?? "", type: type, description: comment)))
        }
      case "stats": try node.readStatistics(&value)
      default: break
      }
    }
    // Stable, so that columns without an index stay as they are written.
    let isSorted = zip(columns, columns.dropFirst()).allSatisfy { $0.index <= $1.index }
    if !isSorted {
      columns = columns.enumerated().sorted { ($0.element.index, $0.offset) < ($1.element.index, $1.offset) }
        .map(\.element)
    }
    node.columns = columns.map(\.column)
    self = node
  }

  /// Each adapter has names of its own: BigQuery `num_rows` and `num_bytes`, Snowflake `row_count` and `bytes`, Spark
  /// `rows` and `bytes`, Redshift `rows` and `size`, which its adapter has multiplied to bytes already.
  private mutating func readStatistics(_ cursor: inout JSONCursor) throws {
    var (rows, bytes, size): (Int64?, Int64?, Int64?)
    try cursor.members { key, value in
      switch key {
      case "num_rows", "row_count", "rows": rows = try value.statistic() ?? rows
      case "num_bytes", "bytes": bytes = try value.statistic() ?? bytes
      case "size": size = try value.statistic()
      default: break
      }
    }
    self.rows = rows
    self.bytes = bytes ?? size
  }
}

extension JSONCursor {
  /// The `value` of a statistic; nil where it is none or below zero.
  fileprivate mutating func statistic() throws -> Int64? {
    var count: Int64?
    try members { key, value in if key == "value" { count = try value.optionalCount() } }
    return count.flatMap { $0 < 0 ? nil : $0 }
  }
}
