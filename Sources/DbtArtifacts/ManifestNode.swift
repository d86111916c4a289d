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
    _ pool: inout TextPool
  ) throws {
    var node = DbtNode(uniqueID: uniqueID)
    var parts = Parts()
    try cursor.members { key, value in
      switch key {
      case "database": node.database = try value.optionalString(&pool)
      case "schema": node.schema = try value.optionalString(&pool)
      case "name": node.name = try value.optionalString()
      case "resource_type": node.resourceType = try value.optionalString()
      case "package_name": node.package = try value.optionalString(&pool)
      case "original_file_path": node.path = try value.optionalString(&pool)
      case "alias": parts.alias = try value.optionalString()
      case "config": try parts.config.read(&value, &pool)
      case "columns": node.columns = try value.columns(&pool)
      case "depends_on":
        try value.members { key, value in
          if key == "nodes" { node.dependsOn = try value.strings(&pool) ?? [] }
        }
      case "description": node.description = try value.optionalText(&pool)
      case "tags": parts.tags = try value.strings(&pool)
      case "meta": (parts.meta, parts.metaOwner) = try value.meta(&pool)
      case "group": node.group = try value.optionalString(&pool)
      case "identifier": parts.identifier = try value.optionalString()
      case "owner": parts.exposureOwner = try value.optionalOwner(&pool)
      case "attached_node": node.attachedNode = try value.optionalString(&pool)
      case "column_name": node.column = try value.optionalString(&pool)
      case "file_key_name": parts.fileKeyName = try value.optionalString()
      case "test_metadata": try parts.test.read(&value)
      case "compiled_code": if keepsSQL { node.sql = try value.optionalText(&pool) }
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

  mutating func read(_ cursor: inout JSONCursor, _ pool: inout TextPool) throws {
    var part = ConfigPart()
    try cursor.members { key, value in
      switch key {
      case "materialized": part.materialized = try value.optionalString(&pool)
      case "severity": part.severity = try value.optionalString()
      case "warn_if": part.warnIf = try value.optionalString(&pool)
      case "error_if": part.errorIf = try value.optionalString(&pool)
      case "group": part.group = try value.optionalString(&pool)
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
  fileprivate mutating func columns(_ pool: inout TextPool) throws -> [DbtColumn] {
    var columns: [DbtColumn] = []
    try members { key, value in
      var name: String?
      var type: String?
      var description: String?
      try value.members { key, value in
        switch key {
        case "name": name = try value.optionalString(&pool)
        case "data_type": type = try value.optionalString(&pool)
        case "description": description = try value.optionalText(&pool)
        default: break
        }
      }
      columns.append(DbtColumn(name: name ?? key.string(&pool), type: type, description: description))
    }
    return columns
  }

  /// The members of `meta`, and the owner among them.
  fileprivate mutating func meta(_ pool: inout TextPool) throws -> (members: [DbtMeta], owner: String?) {
    var all: [DbtMeta] = []
    var owner: String?
    try members { key, value in
      let kind = value.kind
      let text = try value.textOrJSON(&pool)
      all.append(DbtMeta(key: key.string(&pool), value: text))
      guard key == "owner" else { return }
      switch kind {
      case .string: owner = text
      case .object, .array:
        owner = try JSONDocument(bytes: Array(text.utf8), source: "meta.owner").read { try $0.names() }
      default: owner = nil
      }
    }
    return (all, owner)
  }

  /// A string as it is, anything else as JSON.
  private mutating func textOrJSON(_ pool: inout TextPool) throws -> String {
    if kind == .string, let text = try optionalString(&pool) { return text }
    return try rawText()
  }

  /// A name, or an object with `name` and `email` as exposures and groups have it.
  fileprivate mutating func optionalOwner(_ pool: inout TextPool) throws -> String? {
    isObject ? try nameOrEmail() : try optionalString(&pool)
  }

  /// Of one owner, or of several with commas between them.
  private mutating func names() throws -> String? {
    guard kind == .array else { return try nameOrEmail() }
    var names: [String] = []
    try elements { owner in
      guard let name = owner.isObject ? try owner.nameOrEmail() : try owner.optionalString() else { return }
      names.append(name)
    }
    return names.isEmpty ? nil : names.joined(separator: ", ")
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
