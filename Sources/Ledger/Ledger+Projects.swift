import ExecutionModel
import JSONText
import Storage

extension Ledger {
  /// Whether dbt Cloud is to be asked for a project's connection: it never was, or not since `moment` (microseconds).
  public func wantsConnection(ofProject project: Int64, of account: String, askedBefore moment: Int64) throws -> Bool {
    try read { database in
      let fetchedAt = try database.prepare("SELECT fetched_at FROM dbt_project WHERE account = ? AND project_id = ?")
        .binding {
          $0(account)
          $0(project)
        }.firstRow { $0.integer(0) }
      return fetchedAt.map { $0 < moment } ?? true
    }
  }

  /// Keeps what dbt Cloud says of a project's connection.
  /// - Parameter connection: nil when it does not show the project; what it said before stays.
  public func keep(_ connection: DbtConnection?, ofProject project: Int64, of account: String) throws {
    let now = now
    try write { database in
      try database.prepare(
        """
        INSERT INTO dbt_project (account, project_id, name, type, details, fetched_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (account, project_id) DO UPDATE SET fetched_at = ?6,
          name = CASE WHEN ?7 = 1 THEN ?3 ELSE dbt_project.name END,
          type = CASE WHEN ?7 = 1 THEN ?4 ELSE dbt_project.type END,
          details = CASE WHEN ?7 = 1 THEN ?5 ELSE dbt_project.details END
        """
      ).binding {
        $0(account)
        $0(project)
        $0(connection?.name)
        $0(connection?.type)
        $0(connection.map { ConnectionDetails.text($0.details) })
        $0(now)
        $0(connection != nil)
      }.run()
    }
  }
}

/// The details of a connection as they stand in the ledger.
enum ConnectionDetails {
  static func text(_ details: [String: String]) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      for (name, value) in details.sorted(by: { $0.key < $1.key }) {
        writer.key(name)
        writer.string(value)
      }
    }
    return writer.text
  }

  static func read(_ text: String) -> [String: String] {
    let members = (try? JSONValue(parsing: text))?.objectValue ?? []
    return Dictionary(members.compactMap { member in member.value.stringValue.map { (member.name, $0) } }) { first, _ in
      first
    }
  }
}
