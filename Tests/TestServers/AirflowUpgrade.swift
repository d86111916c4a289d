/// A real upgrade of Airflow, statement by statement as `airflow db migrate` sent it.
public struct AirflowUpgrade: Sendable {
  /// One revision: a transaction.
  public struct Revision: Sendable {
    public var name: String
    fileprivate var sql: String
  }

  /// In the order in which they are committed.
  public let revisions: [Revision]

  /// From 2.11.2 to 3.3.2.
  public init() throws {
    var revisions: [Revision] = []
    for line in try Fixtures.text("airflow/upgrade/2.11.2-to-3.3.2.sql").split(separator: "\n") {
      if line == "BEGIN;" { revisions.append(Revision(name: "", sql: "")) }
      guard !revisions.isEmpty else { continue }
      revisions[revisions.count - 1].sql += line + "\n"
      if let range = line.firstRange(of: "alembic_version SET version_num='") {
        revisions[revisions.count - 1].name = String(line[range.upperBound...].prefix(12))
      }
    }
    self.revisions = revisions
    guard revisions.count > 90, revisions.allSatisfy({ !$0.name.isEmpty }) else {
      throw TestServerError("the recorded upgrade is not complete: \(revisions.count) revisions")
    }
  }

  /// Applies one revision and returns when it is committed.
  public func apply(_ revision: Revision, to database: String, of server: PostgresServer) async throws {
    try await server.execute("SET client_min_messages = warning;\n\(revision.sql)", database: database)
  }

  /// Applies all of them.
  public func apply(to database: String, of server: PostgresServer) async throws {
    try await server.execute(
      "SET client_min_messages = warning;\n" + revisions.map(\.sql).joined(), database: database)
  }
}
