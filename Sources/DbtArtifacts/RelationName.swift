/// Names of tables and views as records have them: `database.schema.name`, without quotes.
enum RelationName {
  /// Whether nodes of this resource type stand for a table or view of their own. Tests may store failing rows in a
  /// table, hooks bear the target's schema: both are no relations of the project.
  static func isNode(ofType type: String?) -> Bool {
    switch type {
    case "model", "seed", "snapshot", "source": true
    default: false
    }
  }

  /// From the parts of a manifest's node; adapters without databases (Spark) have only schema and name.
  static func name(database: String?, schema: String?, identifier: String?) -> String? {
    guard let identifier, !identifier.isEmpty else { return nil }
    return [database, schema, identifier].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ".")
  }

  /// From `relation_name`, which is quoted as the adapter does it: `"a"."b"."c"`, `` `a`.`b`.`c` ``, `[a].[b].[c]`.
  /// A quote within a name is doubled.
  static func unquoted(_ relationName: String) -> String? {
    var text: [UInt8] = []
    text.reserveCapacity(relationName.utf8.count)
    var closing: UInt8?
    var rest = relationName.utf8[...]
    while let byte = rest.popFirst() {
      if let end = closing {
        if byte != end {
          text.append(byte)
        } else if rest.first == end {
          text.append(byte)
          rest.removeFirst()
        } else {
          closing = nil
        }
      } else {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "`"): closing = byte
        case UInt8(ascii: "["): closing = UInt8(ascii: "]")
        default: text.append(byte)
        }
      }
    }
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
  }
}
