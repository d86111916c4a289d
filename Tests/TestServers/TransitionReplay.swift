import Glibc
import Platform

/// Replays the row changes that a real Airflow made, as `Tests/Fixtures/airflow/transitions` has them, transaction by
/// transaction into a database that holds only the schema. At the end the rows are those of the dump, but for what the
/// recording left out (conf, executor_config, rendered fields).
///
/// One psql does the work; each transaction is sent when it is asked for and committed when ``apply(_:)`` returns.
public actor TransitionReplay {
  /// One transaction of Airflow's.
  public struct Transaction: Sendable {
    /// The tables that it changes.
    public var tables: Set<String>
    /// Whether it deletes XComs: what nobody has read by then is gone.
    public var deletesXComs: Bool
    /// Seconds that went by in Airflow since the transaction before.
    public var pause: Double
    fileprivate var sql: String

    /// Whether it changes anything that can make a difference to somebody who reads runs and tasks.
    public var touchesRuns: Bool {
      !tables.isDisjoint(with: ["dag_run", "task_instance", "task_instance_history", "xcom", "task_reschedule"])
    }
  }

  /// In the order in which they were committed.
  public nonisolated let transactions: [Transaction]

  private let executor = ThreadExecutor(name: "replay")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let folder: TemporaryFolder
  private let process: Subprocess
  private let input: Descriptor
  private let answers: Descriptor
  private var unread: [UInt8] = []
  private var sent = 0

  /// - Parameter changes: the recording, uncompressed.
  public init(_ changes: [UInt8], into database: String, of server: PostgresServer) async throws {
    transactions = try Self.transactions(changes)
    folder = try TemporaryFolder()
    try folder.write(Self.function, to: "replay.sql")
    try await server.loadSQL(folder.file("replay.sql"), into: database)

    let fifo = folder.file("answers")
    guard mkfifo(fifo, 0o600) == 0 else { throw TestServerError("mkfifo: errno \(errno)") }
    // Opened for both, so that neither side waits for the other.
    answers = try Descriptor(open(fifo, O_RDWR | O_CLOEXEC | O_NONBLOCK))
    var pair: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
      throw TestServerError("socketpair: errno \(errno)")
    }
    input = try Descriptor(pair[0])
    let child = try Descriptor(pair[1])
    // psql writes what `\warn` says, and every error, to standard error without a buffer.
    process = try Subprocess(
      [
        "/bin/sh", "-c", "fifo=$1; shift; exec \"$@\" 2>\"$fifo\"", "replay", fifo, server.psqlProgram, "-X", "-q",
        "-v",
        "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", server.conninfo(database: database, overSocket: true),
      ], inputDescriptor: child.number)
    try send("SET session_replication_role = replica;\n")
  }

  /// Applies a transaction and returns when it is committed.
  public func apply(_ transaction: Transaction) throws { try send(transaction.sql) }

  private func send(_ sql: String) throws {
    sent += 1
    var bytes = Array("\(sql)\\warn \(sent)\n".utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.send(input.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else {
        throw TestServerError("psql does not listen: errno \(errno). \(String(decoding: unread, as: UTF8.self))")
      }
      bytes = bytes.dropFirst(count)
    }
    let answer = try line()
    guard answer == "\(sent)" else { throw TestServerError("psql: \(answer)") }
  }

  private func line() throws -> String {
    let end = monotonicSeconds() + 60
    while true {
      if let index = unread.firstIndex(of: 0x0A) {
        defer { unread.removeSubrange(...index) }
        return String(decoding: unread[..<index], as: UTF8.self)
      }
      var poller = pollfd(fd: answers.number, events: Int16(POLLIN), revents: 0)
      poll(&poller, 1, 1000)
      var piece = [UInt8](repeating: 0, count: 4096)
      let count = read(answers.number, &piece, piece.count)
      if count > 0 { unread += piece[..<count] }
      guard monotonicSeconds() < end else { throw TestServerError("psql does not answer") }
    }
  }

  // MARK: The recording

  private static func transactions(_ changes: [UInt8]) throws -> [Transaction] {
    var transactions: [Transaction] = []
    var last: Substring?
    var lastTime = 0.0
    for line in String(decoding: changes, as: UTF8.self).split(separator: "\n") {
      guard let number = text(after: "\"tx\" : ", in: line, until: ","),
        let table = text(after: "\"table\" : \"", in: line, until: "\""),
        let time = text(after: "\"at\" : \"", in: line, until: "+").flatMap(secondsOfDay)
      else { throw TestServerError("not a recorded change: \(line.prefix(200))") }
      guard !line.contains("$replay$") else { throw TestServerError("cannot be quoted: \(line.prefix(200))") }
      if number != last {
        // The first waits for nothing; midnight is no pause.
        let pause = last == nil ? 0 : max(0, time - lastTime)
        transactions.append(Transaction(tables: [], deletesXComs: false, pause: pause, sql: "BEGIN;\n"))
        lastTime = time
      }
      last = number
      var transaction = transactions.removeLast()
      transaction.tables.insert(String(table))
      if table == "xcom", line.contains("\"op\" : \"DELETE\"") { transaction.deletesXComs = true }
      transaction.sql += "SELECT replay.apply($replay$\(line)$replay$::jsonb);\n"
      transactions.append(transaction)
    }
    return transactions.map { transaction in
      var transaction = transaction
      transaction.sql += "COMMIT;\n"
      return transaction
    }
  }

  /// `2026-11-21T00:37:04.738427`
  private static func secondsOfDay(_ text: Substring) -> Double? {
    let parts = (text.split(separator: "T").last ?? "").split(separator: ":").compactMap { Double($0) }
    return parts.count == 3 ? parts[0] * 3600 + parts[1] * 60 + parts[2] : nil
  }

  private static func text(after name: String, in line: Substring, until end: Character) -> Substring? {
    line.firstRange(of: name).map { line[$0.upperBound...].prefix { $0 != end } }
  }

  /// Applies one recorded change: rows are found by their key, columns that this schema lacks are left out, and so are
  /// tables that cannot do without what was not recorded (`backfill.dag_run_conf`).
  private static let function = #"""
    CREATE SCHEMA replay;
    CREATE FUNCTION replay.apply(change jsonb) RETURNS void LANGUAGE plpgsql AS $function$
    DECLARE
      "table" text := change->>'table';
      "values" jsonb := CASE jsonb_typeof(change->'change') WHEN 'object' THEN change->'change' ELSE '{}' END;
      keys text[] := CASE change->>'table'
        WHEN 'dag_run' THEN '{id}' WHEN 'log' THEN '{id}'
        WHEN 'task_reschedule' THEN '{id}' WHEN 'dag' THEN '{dag_id}'
        WHEN 'task_instance' THEN '{dag_id,run_id,task_id,map_index}'
        WHEN 'task_instance_history' THEN '{dag_id,run_id,task_id,map_index,try_number}'
        WHEN 'xcom' THEN '{dag_id,run_id,task_id,map_index,key}' END;
      columns text[];
      names text;
      old jsonb;
      condition text;
    BEGIN
      columns := ARRAY(SELECT column_name::text FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = "table");
      IF keys IS NULL OR columns = '{}' THEN RETURN; END IF;
      IF change->>'op' = 'INSERT' THEN
        SELECT string_agg(quote_ident(k), ',') INTO names FROM jsonb_object_keys("values") k WHERE k = ANY (columns);
        EXECUTE format('INSERT INTO public.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::public.%1$I, $1)
          ON CONFLICT DO NOTHING', "table", names) USING "values";
        RETURN;
      END IF;
      SELECT jsonb_object_agg(k, CASE WHEN change->>'op' = 'UPDATE' AND "values" ? k THEN "values"->k->0
        ELSE coalesce(change->'key'->k, "values"->k) END) INTO old FROM unnest(keys) k;
      SELECT string_agg(format('%1$I IS NOT DISTINCT FROM (jsonb_populate_record(NULL::public.%2$I, $1)).%1$I', k, "table"),
        ' AND ') INTO condition FROM unnest(keys) k;
      IF change->>'op' = 'DELETE' THEN
        EXECUTE format('DELETE FROM public.%I WHERE %s', "table", condition) USING old;
        RETURN;
      END IF;
      SELECT string_agg(format('%1$I = (jsonb_populate_record(NULL::public.%2$I, $2)).%1$I', k, "table"), ', ') INTO names
        FROM jsonb_object_keys("values") k WHERE k = ANY (columns);
      IF names IS NULL THEN RETURN; END IF;
      EXECUTE format('UPDATE public.%I SET %s WHERE %s', "table", names, condition)
        USING old, (SELECT jsonb_object_agg(key, value->1) FROM jsonb_each("values"));
    END
    $function$;
    """#
}

/// A descriptor that is closed with its last reference.
private final class Descriptor: Sendable {
  let number: Int32

  init(_ number: Int32) throws {
    guard number >= 0 else { throw TestServerError("no descriptor: errno \(errno)") }
    self.number = number
  }

  deinit { close(number) }
}
