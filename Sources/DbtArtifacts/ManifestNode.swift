import ExecutionModel
import JSONText

/// What a manifest says about one node, as far as records need it.
public struct ManifestNode: Hashable, Sendable {
  /// `resource_type`, else the first part of the unique_id.
  public var resourceType: String?
  /// `name`: for a versioned model without its version.
  public var name: String?
  /// `package_name`
  public var package: String?
  /// `original_file_path`
  public var path: String?
  /// `meta.owner`, else `config.meta.owner`; for an exposure its `owner`. The owner of a node's group is another thing.
  public var owner: String?
  /// `group`, else `config.group` (dbt 1.5 and later).
  public var group: String?
  /// `tags`, else `config.tags`.
  public var tags: [String] = []
  /// `database.schema.alias`, for sources `database.schema.identifier`; nil for what is no table or view.
  public var relation: String?
  /// `depends_on.nodes`; seeds of dbt 1.7 and later have none.
  public var dependsOn: [String] = []
  /// The node that a generic test is attached to, see ``TestAttachment``.
  public var attachedNode: String?
  /// `column_name` of a generic test.
  public var column: String?
  /// `test_metadata.name` with its `namespace` before it, unless that is dbt's own.
  public var test: String?
  /// `config.severity` of a test, lower case.
  public var severity: String?

  public init() {}
}

extension ManifestNode {
  init(reading cursor: inout JSONCursor, resourceType section: String?, _ pool: inout StringPool) throws {
    var node = ManifestNode()
    var parts = Parts()
    try cursor.members { key, value in
      switch key {
      case "resource_type": node.resourceType = try value.optionalString()
      case "name": node.name = try value.optionalString()
      case "package_name": node.package = pool.unique(try value.optionalString())
      case "original_file_path": node.path = pool.unique(try value.optionalString())
      case "database": parts.database = try value.optionalString()
      case "schema": parts.schema = try value.optionalString()
      case "alias": parts.alias = try value.optionalString()
      case "identifier": parts.identifier = try value.optionalString()
      case "group": node.group = pool.unique(try value.optionalString())
      case "tags": parts.tags = try value.strings(&pool)
      case "owner": parts.exposureOwner = try value.optionalOwner(&pool)
      case "meta":
        try value.members { key, value in if key == "owner" { parts.metaOwner = try value.optionalOwner(&pool) } }
      case "config": try parts.config.read(&value, &pool)
      case "depends_on":
        try value.members { key, value in
          if key == "nodes" { node.dependsOn = try value.strings(&pool) ?? [] }
        }
      case "attached_node": node.attachedNode = pool.unique(try value.optionalString())
      case "column_name": node.column = try value.optionalString()
      case "file_key_name": parts.fileKeyName = try value.optionalString()
      case "test_metadata": try parts.test.read(&value)
      default: break
      }
    }
    node.resourceType = node.resourceType ?? section
    node.owner = parts.metaOwner ?? parts.config.owner ?? parts.exposureOwner
    node.group = node.group ?? parts.config.group
    node.tags = parts.tags ?? parts.config.tags ?? []
    if RelationName.isNode(ofType: node.resourceType), parts.config.materialized != "ephemeral" {
      node.relation = RelationName.name(
        database: parts.database, schema: parts.schema,
        identifier: parts.identifier ?? parts.alias ?? node.name)
    }
    if node.resourceType == "test" {
      node.severity = parts.config.severity?.lowercased()
      node.test = parts.test.qualifiedName
      node.column = node.column ?? parts.test.column
      if node.attachedNode == nil, parts.test.name != nil {
        node.attachedNode = TestAttachment.node(
          model: parts.test.model, fileKeyName: parts.fileKeyName, among: node.dependsOn)
      }
    } else {
      node.attachedNode = nil
      node.column = nil
    }
    self = node
  }
}

/// Members that only together give what is kept.
private struct Parts {
  var database: String?
  var schema: String?
  var alias: String?
  var identifier: String?
  var tags: [String]?
  var metaOwner: String?
  var exposureOwner: String?
  var fileKeyName: String?
  var config = ConfigPart()
  var test = TestPart()
}

private struct ConfigPart {
  var materialized: String?
  var severity: String?
  var group: String?
  var tags: [String]?
  var owner: String?

  mutating func read(_ cursor: inout JSONCursor, _ pool: inout StringPool) throws {
    var part = ConfigPart()
    try cursor.members { key, value in
      switch key {
      case "materialized": part.materialized = try value.optionalString()
      case "severity": part.severity = try value.optionalString()
      case "group": part.group = pool.unique(try value.optionalString())
      case "tags": part.tags = try value.strings(&pool)
      case "meta": try value.members { key, value in if key == "owner" { part.owner = try value.optionalOwner(&pool) } }
      default: break
      }
    }
    self = part
  }
}

private struct TestPart {
  var name: String?
  var namespace: String?
  var column: String?
  var model: String?

  mutating func read(_ cursor: inout JSONCursor) throws {
    var part = TestPart()
    try cursor.members { key, value in
      switch key {
      case "name": part.name = try value.optionalString()
      case "namespace": part.namespace = try value.optionalString()
      case "kwargs":
        try value.members { key, value in
          switch key {
          case "column_name": part.column = try value.optionalString()
          case "model": part.model = try value.optionalString()
          default: break
          }
        }
      default: break
      }
    }
    self = part
  }

  var qualifiedName: String? {
    guard let name else { return nil }
    return if let namespace, namespace != "dbt" { "\(namespace).\(name)" } else { name }
  }
}

extension JSONCursor {
  /// A name, or an object with `name` and `email` as exposures and groups have it.
  fileprivate mutating func optionalOwner(_ pool: inout StringPool) throws -> String? {
    guard isObject else { return pool.unique(try optionalString()) }
    var name: String?
    var email: String?
    try object { key, value in
      switch key {
      case "name": name = try value.optionalString()
      case "email": email = try value.optionalString()
      default: break
      }
    }
    return pool.unique(name ?? email)
  }
}
