import ExecutionModel
import JSONText

extension DbtNode {
  /// Reads what a manifest says about one node, as far as records need it.
  ///
  /// `meta`, `tags` and `group` stand beside `config` in some versions, within it in others, in most at both places.
  ///
  /// - Parameters:
  ///   - section: the first part of the unique_id, where `resource_type` is missing.
  ///   - keepsSQL: whether `compiled_code` is read.
  init(
    _ uniqueID: String, reading cursor: inout JSONCursor, resourceType section: String?, keepsSQL: Bool,
    _ pool: inout StringPool
  ) throws {
    var node = DbtNode(uniqueID: uniqueID)
    var parts = Parts()
    try cursor.members { key, value in
      switch key {
      case "database": node.database = pool.unique(try value.optionalString())
      case "schema": node.schema = pool.unique(try value.optionalString())
      case "name": node.name = try value.optionalString()
      case "resource_type": node.resourceType = try value.optionalString()
      case "package_name": node.package = pool.unique(try value.optionalString())
      case "original_file_path": node.path = pool.unique(try value.optionalString())
      case "alias": parts.alias = try value.optionalString()
      case "config": try parts.config.read(&value, &pool)
      case "columns": node.columns = try value.columns(&pool)
      case "depends_on":
        try value.members { key, value in
          if key == "nodes" { node.dependsOn = try value.strings(&pool) ?? [] }
        }
      case "description": node.description = pool.unique(try value.optionalText())
      case "tags": parts.tags = try value.strings(&pool)
      case "meta": (parts.meta, parts.metaOwner) = try value.meta(&pool)
      case "group": node.group = pool.unique(try value.optionalString())
      case "identifier": parts.identifier = try value.optionalString()
      case "owner": parts.exposureOwner = try value.optionalOwner(&pool)
      case "attached_node": node.attachedNode = pool.unique(try value.optionalString())
      case "column_name": node.column = pool.unique(try value.optionalString())
      case "file_key_name": parts.fileKeyName = try value.optionalString()
      case "test_metadata": try parts.test.read(&value)
      case "compiled_code": if keepsSQL { node.sql = try value.optionalText() }
      default: break
      }
    }
    node.resourceType = node.resourceType ?? section
    node.owner = parts.metaOwner ?? parts.config.metaOwner ?? parts.exposureOwner
    node.meta = parts.meta.isEmpty ? parts.config.meta : parts.meta
    node.group = node.group ?? parts.config.group
    node.tags = parts.tags ?? parts.config.tags ?? []
    node.materialized = parts.config.materialized
    if RelationName.isNode(ofType: node.resourceType), node.materialized != "ephemeral" {
      node.alias = parts.identifier ?? parts.alias ?? node.name
      node.relation = RelationName.name(database: node.database, schema: node.schema, identifier: node.alias)
    } else {
      node.alias = parts.alias
    }
    if node.resourceType == "test" {
      node.severity = parts.config.severity?.lowercased()
      node.warnIf = parts.config.warnIf
      node.errorIf = parts.config.errorIf
      node.test = pool.unique(parts.test.qualifiedName)
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
  var alias: String?
  var identifier: String?
  var tags: [String]?
  var meta: [DbtMeta] = []
  var metaOwner: String?
  var exposureOwner: String?
  var fileKeyName: String?
  var config = ConfigPart()
  var test = TestPart()
}

private struct ConfigPart {
  var materialized: String?
  var severity: String?
  var warnIf: String?
  var errorIf: String?
  var group: String?
  var tags: [String]?
  var meta: [DbtMeta] = []
  var metaOwner: String?

  mutating func read(_ cursor: inout JSONCursor, _ pool: inout StringPool) throws {
    var part = ConfigPart()
    try cursor.members { key, value in
      switch key {
      case "materialized": part.materialized = pool.unique(try value.optionalString())
      case "severity": part.severity = try value.optionalString()
      case "warn_if": part.warnIf = pool.unique(try value.optionalString())
      case "error_if": part.errorIf = pool.unique(try value.optionalString())
      case "group": part.group = pool.unique(try value.optionalString())
      case "tags": part.tags = try value.strings(&pool)
      case "meta": (part.meta, part.metaOwner) = try value.meta(&pool)
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
  /// `columns`: by name, in the order of the project's files.
  fileprivate mutating func columns(_ pool: inout StringPool) throws -> [DbtColumn] {
    var columns: [DbtColumn] = []
    try members { key, value in
      var column = DbtColumn(name: "")
      var name: String?
      try value.members { key, value in
        switch key {
        case "name": name = pool.unique(try value.optionalString())
        case "data_type": column.type = pool.unique(try value.optionalString())
        case "description": column.description = pool.unique(try value.optionalText())
        default: break
        }
      }
      column.name = name ?? pool.shared(key.string)
      columns.append(column)
    }
    return columns
  }

  /// The members of `meta`, and the owner among them.
  fileprivate mutating func meta(_ pool: inout StringPool) throws -> (members: [DbtMeta], owner: String?) {
    var all: [DbtMeta] = []
    var owner: String?
    try members { key, value in
      let name = pool.shared(key.string)
      if name != "owner" {
        all.append(DbtMeta(key: name, value: pool.shared(try value.textOrJSON())))
      } else if value.isObject {
        let text = try value.rawText()
        all.append(DbtMeta(key: name, value: pool.shared(text)))
        owner = pool.unique(
          try JSONDocument(bytes: Array(text.utf8), source: "meta.owner").read { try $0.nameOrEmail() })
      } else {
        let isText = value.kind == .string
        let text = try value.textOrJSON()
        all.append(DbtMeta(key: name, value: pool.shared(text)))
        owner = isText ? pool.shared(text) : nil
      }
    }
    return (all, owner)
  }

  /// A string as it is, anything else as JSON.
  private mutating func textOrJSON() throws -> String { try kind == .string ? string() : rawText() }

  /// A name, or an object with `name` and `email` as exposures and groups have it.
  fileprivate mutating func optionalOwner(_ pool: inout StringPool) throws -> String? {
    pool.unique(isObject ? try nameOrEmail() : try optionalString())
  }

  private mutating func nameOrEmail() throws -> String? {
    var name: String?
    var email: String?
    try members { key, value in
      switch key {
      case "name": name = try value.optionalString()
      case "email": email = try value.optionalString()
      default: break
      }
    }
    return name ?? email
  }
}
