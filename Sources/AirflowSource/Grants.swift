/// The statements that let a role read Airflow's tables.
struct Grants {
  var database: String
  var schema: String
  var role: String

  func statements(tables: [String]) -> [String] {
    ["GRANT CONNECT ON DATABASE \(Self.quoted(database)) TO \(Self.quoted(role));", usage, select(tables)]
  }

  var usage: String { "GRANT USAGE ON SCHEMA \(Self.quoted(schema)) TO \(Self.quoted(role));" }

  func select(_ tables: [String]) -> String {
    let names = tables.map { "\(Self.quoted(schema)).\(Self.quoted($0))" }
    return "GRANT SELECT ON \(names.joined(separator: ", ")) TO \(Self.quoted(role));"
  }

  /// An identifier as SQL text: bare where that is safe, else in quotes.
  static func quoted(_ name: String) -> String {
    let isPlain =
      name.first.map { ("a"..."z").contains($0) || $0 == "_" } ?? false
      && name.allSatisfy { ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "_" }
      && !reserved.contains(name)
    return isPlain
      ? name : "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  // Reserved words that are likely names of a role, schema or database.
  private static let reserved: Set<String> = [
    "all", "analyse", "analyze", "authorization", "current_role", "current_user", "default", "end", "group", "grant",
    "session_user", "table", "user",
  ]
}
