import ExecutionModel

/// The statements of one transaction. Columns that a version does not have are left out.
struct SQLScript {
  let database: AirflowDatabase
  /// Virtual time, microseconds since 1970.
  let now: Int64
  private(set) var statements: [String] = []

  init(_ database: AirflowDatabase, now: Int64) {
    self.database = database
    self.now = now
  }

  mutating func add(_ statement: String) { statements.append(statement) }

  mutating func insert(_ table: String, _ values: [(column: String, value: String)]) {
    guard database.has(table) else { return }
    var row = values.filter { database.has(table, $0.column) }
    for column in database.columns(of: table)
    where column.mustBeGiven && !row.contains(where: { $0.column == column.name }) {
      row.append((column.name, filler(column.type)))
    }
    let columns = row.map { "\"\($0.column)\"" }.joined(separator: ", ")
    add("INSERT INTO \(table) (\(columns)) VALUES (\(row.map(\.value).joined(separator: ", ")))")
  }

  mutating func update(_ table: String, _ values: [(column: String, value: String)], where condition: String) {
    let sets = values.filter { database.has(table, $0.column) }.map { "\($0.column) = \($0.value)" }
    add("UPDATE \(table) SET \(sets.joined(separator: ", ")) WHERE \(condition)")
  }

  /// For columns that say nothing to the simulation.
  private func filler(_ type: String) -> String {
    switch type {
    case "boolean": "false"
    case "integer", "bigint", "double precision": "1"
    case "json", "jsonb": "'{}'"
    case "uuid": "gen_random_uuid()"
    case "timestamp with time zone": sql(time: now)
    default: "'x'"
    }
  }
}

/// A text as SQL.
func sql(_ text: String?) -> String {
  text.map { "'" + $0.replacing("'", with: "''") + "'" } ?? "NULL"
}

/// A time as SQL.
func sql(time: Int64?) -> String {
  time.map { "'\(Instant(microseconds: $0).rfc3339)'" } ?? "NULL"
}
