import ExecutionModel
import JSONText
import Storage

/// How a node stands in the ledger.
enum DbtNodeRow {
  static let columns = """
    unique_id, resource_type, name, package, path, owner, node_group, tags, relation, database_name, schema_name, alias,
    materialized, depends_on, attached_node, column_name, test, severity, warn_if, error_if, description, columns, meta, sql
    """
  static let count = 24

  /// - Parameters:
  ///   - columns: ``text(_:)`` of them.
  ///   - meta: ``text(_:)`` of it.
  static func bind(_ node: DbtNode, columns: String?, meta: String?, to binder: inout Binder) {
    binder(node.uniqueID)
    binder(node.resourceType)
    binder(node.name)
    binder(node.package)
    binder(node.path)
    binder(node.owner)
    binder(node.group)
    binder(NameList.text(node.tags))
    binder(node.relation)
    binder(node.database)
    binder(node.schema)
    binder(node.alias)
    binder(node.materialized)
    binder(NameList.text(node.dependsOn))
    binder(node.attachedNode)
    binder(node.column)
    binder(node.test)
    binder(node.severity)
    binder(node.warnIf)
    binder(node.errorIf)
    binder(node.description)
    binder(columns)
    binder(meta)
    binder(node.sql)
  }

  static func read(_ columns: inout Columns) -> DbtNode {
    var node = DbtNode(uniqueID: columns.text())
    node.resourceType = columns.optionalText()
    node.name = columns.optionalText()
    node.package = columns.optionalText()
    node.path = columns.optionalText()
    node.owner = columns.optionalText()
    node.group = columns.optionalText()
    node.tags = NameList.list(columns.text())
    node.relation = columns.optionalText()
    node.database = columns.optionalText()
    node.schema = columns.optionalText()
    node.alias = columns.optionalText()
    node.materialized = columns.optionalText()
    node.dependsOn = NameList.list(columns.text())
    node.attachedNode = columns.optionalText()
    node.column = columns.optionalText()
    node.test = columns.optionalText()
    node.severity = columns.optionalText()
    node.warnIf = columns.optionalText()
    node.errorIf = columns.optionalText()
    node.description = columns.optionalText()
    node.columns = nodeColumns(columns.optionalText())
    node.meta = meta(columns.optionalText())
    node.sql = columns.optionalText()
    return node
  }

  /// `[["id","int","the key"],["note"]]`: name, type and description, as far as they are known. A large project has half
  /// a million columns.
  static func text(_ columns: [DbtColumn]) -> String? {
    if columns.isEmpty { return nil }
    var writer = JSONWriter(reservingCapacity: 64 * columns.count)
    writer.beginArray()
    for column in columns {
      writer.beginArray()
      writer.string(column.name)
      if let type = column.type { writer.string(type) } else if column.description != nil { writer.null() }
      if let description = column.description { writer.string(description) }
      writer.endArray()
    }
    writer.endArray()
    return writer.text
  }

  static func text(_ meta: [DbtMeta]) -> String? {
    if meta.isEmpty { return nil }
    var writer = JSONWriter()
    writer.object { writer in
      for member in meta {
        writer.key(member.key)
        writer.string(member.value)
      }
    }
    return writer.text
  }

  private static func nodeColumns(_ text: String?) -> [DbtColumn] {
    guard let text, let list = (try? JSONValue(parsing: text))?.arrayValue else { return [] }
    return list.compactMap { column in
      guard let facts = column.arrayValue, let name = facts.first?.stringValue else { return nil }
      return DbtColumn(
        name: name, type: facts.count > 1 ? facts[1].stringValue : nil,
        description: facts.count > 2 ? facts[2].stringValue : nil)
    }
  }

  private static func meta(_ text: String?) -> [DbtMeta] {
    guard let text, let members = (try? JSONValue(parsing: text))?.objectValue else { return [] }
    return members.compactMap { member in member.value.stringValue.map { DbtMeta(key: member.name, value: $0) } }
  }
}
