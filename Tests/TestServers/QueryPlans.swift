/// What a server does for its queries, as it says itself (auto_explain).
public struct QueryPlans: Sendable {
  /// One statement that was executed.
  public struct Statement: Sendable {
    /// The statement and its plan.
    public var text: String
    /// How many pages of tables and indexes it looked at.
    public var pages: Int
  }

  /// What a server must be started with, so that its log tells whose query it was.
  public static let settings = ["log_line_prefix": "%d|%a|"]

  private let server: PostgresServer
  private let prefix: String

  /// Makes the server explain every query in that database from now on, for connections that are opened later.
  ///
  /// - Parameter application: only queries of connections with this `application_name` are told.
  public init(of database: String, by application: String, on server: PostgresServer) async throws {
    self.server = server
    prefix = "\(database)|\(application)|"
    try await server.execute(
      """
      ALTER DATABASE "\(database)" SET session_preload_libraries = 'auto_explain';
      ALTER DATABASE "\(database)" SET auto_explain.log_min_duration = 0;
      ALTER DATABASE "\(database)" SET auto_explain.log_analyze = on;
      ALTER DATABASE "\(database)" SET auto_explain.log_timing = off;
      ALTER DATABASE "\(database)" SET auto_explain.log_buffers = on;
      """)
  }

  /// The statements that were executed meanwhile.
  public func during(_ work: () async throws -> Void) async throws -> [Statement] {
    let before = server.log.utf8.count
    try await work()
    let log = String(decoding: Array(server.log.utf8).dropFirst(before), as: UTF8.self)
    var entries: [String] = []
    for line in log.split(separator: "\n") {
      // What belongs to the entry before is indented.
      if !line.hasPrefix("\t") { entries.append("") }
      if !entries.isEmpty { entries[entries.count - 1] += line + "\n" }
    }
    return entries.filter { $0.hasPrefix(prefix) && $0.contains("  plan:") }.map {
      Statement(text: $0, pages: Self.pages($0))
    }
  }

  /// A node counts what is below it, so the first that counts anything has them all. Sums of shared and local pages,
  /// hit and read.
  private static func pages(_ entry: String) -> Int {
    guard let line = entry.split(separator: "\n").first(where: { $0.contains("Buffers:") }) else { return 0 }
    var pages = 0
    for word in line.split(whereSeparator: { $0 == " " || $0 == "," }) {
      let parts = word.split(separator: "=")
      if parts.count == 2, ["hit", "read"].contains(parts[0]) { pages += Int(parts[1]) ?? 0 }
    }
    return pages
  }

  /// Statements that go through the whole of one of these tables, or through one of its indexes without a condition.
  public static func wholeReads(of tables: Set<String>, in statements: [Statement]) -> [String] {
    statements.map(\.text).filter { text in
      let lines = text.split(separator: "\n").map(String.init)
      return lines.indices.contains { number in
        let line = lines[number]
        return tables.contains { table in
          if line.contains("Seq Scan on \(table) ") { return true }
          // Backward it is the highest id, which ends at the first row.
          guard line.contains("Scan using"), line.contains(" on \(table) "), !line.contains("Backward") else {
            return false
          }
          return !lines[min(number + 1, lines.count - 1)].contains("Index Cond:")
        }
      }
    }
  }
}
