import Glibc
import TestServers
import Testing

@testable import Engine

/// What Airflow's database server sees of a daemon that loads history and polls: every statement by its log, every moment
/// by a watcher that looks at the sessions some hundred times a second.
@Suite struct GentleTests {
  enum Way: CaseIterable, Sendable { case direct, pgBouncer }

  /// Looks at the sessions of its database until there is a table `enough`, and tells what was seen.
  private static let watcher = """
    CREATE TABLE seen (what text, number bigint);
    CREATE FUNCTION watch() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
      looks bigint := 0; connections bigint := 0; strangers bigint := 0; writers bigint := 0; busy bigint := 0;
      locks bigint := 0; row record;
    BEGIN
      WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'enough') LOOP
        PERFORM pg_stat_clear_snapshot();
        SELECT count(*) FILTER (WHERE usename = 'reader') AS connections,
               count(*) FILTER (WHERE usename = 'reader' AND application_name <> 'airflow-syncer/lab'
                 -- PgBouncer gives a connection its name with a query of its own.
                 AND state <> 'idle' AND query ~ '^(BEGIN|--|COPY|COMMIT)') AS strangers,
               count(*) FILTER (WHERE usename = 'reader' AND backend_xid IS NOT NULL) AS writers,
               count(*) FILTER (WHERE usename = 'reader' AND state <> 'idle') AS busy
        INTO row FROM pg_stat_activity WHERE datname = current_database();
        looks := looks + 1;
        connections := greatest(connections, row.connections);
        strangers := strangers + row.strangers;
        writers := writers + row.writers;
        busy := busy + row.busy;
        locks := locks + (
          SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
          -- Of tables alone: whoever connects holds the database itself for a moment.
          WHERE a.usename = 'reader' AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock');
        PERFORM pg_sleep(0.003);
      END LOOP;
      INSERT INTO seen VALUES ('looks', looks), ('connections', connections), ('strangers', strangers),
        ('writers', writers), ('busy', busy), ('locks', locks);
    END
    $$;
    """

  @Test(arguments: Way.allCases)
  func theServerSeesTwoConnectionsThatOnlyReadAndNeverDawdle(_ way: Way) async throws {
    let server = try await PostgresServer.start(
      settings: ["log_statement": "all", "log_line_prefix": "%a|%p|", "log_destination": "stderr"])
    let database = try await server.createAirflow(
      "2.11.2", history: GeneratedHistory(runs: 1500, tasks: 20, openRuns: 20, newest: "now()"))
    try await server.createRole("reader")
    try await server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database: database)
    try await server.execute(Self.watcher, database: database)
    let bouncer =
      way == .pgBouncer
      ? try await PgBouncer.start(before: server, poolSize: 5, users: ["reader": nil]) : nil
    let dsn =
      bouncer?.conninfo(database: database, user: "reader") ?? server.conninfo(database: database, user: "reader")
    let lab = try await Lab(
      database: database, server: server, truth: nil,
      .init(dsn: dsn, pollInterval: "100ms", accounts: [], hasLineage: false))

    async let watched = server.execute("SELECT watch()", database: database)
    let daemon = try lab.startDaemon()
    try await lab.waitForPolls(isPooled: way == .pgBouncer)
    try await lab.waitUntilIdle()
    // Live polls with changes, and whatever else the daemon does when history is done.
    for run in 1481...1500 {
      try await server.execute(
        "UPDATE dag_run SET state = 'success', end_date = now() WHERE id = \(run)", database: database)
      try await lab.waitForPolls(isPooled: way == .pgBouncer)
    }
    try await server.execute("DELETE FROM dag_run WHERE id = 1400", database: database)
    try await lab.waitForPolls(isPooled: way == .pgBouncer)
    daemon.signal(SIGTERM)
    let output = try await daemon.finish(within: 20)
    #expect(output.status == 0)
    #expect(!output.errorText.contains("airflow_lost"), "\(output.errorText)")
    try await server.execute("CREATE TABLE enough ()", database: database)
    _ = try await watched

    var seen: [String: Int] = [:]
    for line in try await server.execute("SELECT what, number FROM seen", database: database).split(separator: "\n") {
      let fields = line.split(separator: "|")
      seen[String(fields[0])] = Int(fields[1])
    }
    #expect(try #require(seen["looks"]) > 100)
    #expect(try #require(seen["busy"]) > 0, "the watcher has seen no query at all")
    #expect(try #require(seen["connections"]) <= 2)
    #expect(seen["strangers"] == 0, "a connection without its application_name")
    #expect(seen["writers"] == 0, "a transaction that writes")
    #expect(seen["locks"] == 0, "a lock that is more than a reader's")
    #expect(!server.log.contains("idle-in-transaction"), "a transaction that the server had to end")
    try Self.expectOnlyReads(server.log)
  }

  /// Of the daemon's statements all are between a `BEGIN … READ ONLY` with its limits and its end, and no transaction is
  /// left open.
  private static func expectOnlyReads(_ log: String) throws {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = "
    var isOpen: [Substring: Bool] = [:]
    var transactions = 0
    for line in log.split(separator: "\n") where line.hasPrefix("airflow-syncer/lab|") {
      let fields = line.split(separator: "|", maxSplits: 2)
      guard fields.count == 3, fields[2].hasPrefix("LOG:  ") else { continue }
      let text = fields[2].dropFirst(6)
      let statement: Substring
      if let range = text.firstRange(of: "statement: "), range.lowerBound == text.startIndex {
        statement = text[range.upperBound...]
      } else if text.hasPrefix("execute "), let range = text.firstRange(of: ": ") {
        statement = text[range.upperBound...]
        #expect(text.hasPrefix("execute <unnamed>"), "a prepared statement with a name: \(text)")
      } else {
        continue
      }
      if statement.hasPrefix(begin) {
        #expect(isOpen[fields[1]] != true)
        isOpen[fields[1]] = true
        transactions += 1
      } else if statement == "COMMIT" || statement == "ROLLBACK" {
        isOpen[fields[1]] = false
      } else {
        #expect(isOpen[fields[1]] == true, "outside of a transaction: \(statement)")
      }
    }
    #expect(transactions > 20)
    #expect(isOpen.values.allSatisfy { !$0 }, "a transaction without an end")
  }
}
