import DbtCloudStandIn
import FoundationEssentials
import Glibc
import JSONText
import LoopbackHTTP
import TestServers
import Testing

/// Secrets stand in every place where one may be, the partners repeat what they are told, and none is ever found again
/// where it does not belong: in the log, on the screen, on the socket, in the ledger, in files, in events, beside the
/// process.
@Suite struct CanaryTests {
  private static let mark = "canary"
  private static let dsnPassword = "canary-dsn-4711-inline"
  private static let wrongPassword = "canary-dsn-wrong-4711"
  private static let fileToken = "canary/file+token==0815"
  private static let commandToken = "canary-command-token-0815"
  private static let inlineToken = "canary-inline-token-0815"
  private static let queryToken = "canary-query-token-0815"

  /// conf, XComs and rendered fields with secrets.
  private static let words = #"""
    UPDATE dag_run SET conf = '{"password":"canary-c1","nested":{"list":[{"API-Key":"canary-c2"}]},"customer_iban":"canary-c3",
      "uri":"postgresql://u:canary-c4@h/db","json":"{\"token\": \"canary-c5\"}","env":[{"name":"DB_PASSWORD","value":"canary-c6"}],
      "url":"https://h/?access_token=canary-c7&x=1","header":"Authorization: Bearer canary-c8","plain":"visible"}'::jsonb;
    UPDATE xcom SET value = to_jsonb(replace(value #>> '{}', 'https://', 'https://u:canary-x1@') || '?token=canary-x2')
      WHERE key = 'job_run_url';
    UPDATE xcom SET value = '{"token":"canary-x3","password":"canary-x4"}'::jsonb WHERE key = 'return_value';
    UPDATE rendered_task_instance_fields SET rendered_fields =
      (rendered_fields::jsonb || '{"password":"canary-r1","env":{"TOKEN":"canary-r2"}}'::jsonb)::json;
    """#

  /// Repeats what it was sent, in headers and body, with all kinds of answers.
  private func echo() throws -> RecordingBackend {
    let backend = try RecordingBackend()
    backend.answer { received in
      let said = received.header("Authorization") ?? "-"
      let text =
        "{\"error\":\"refused \(said) for \(received.request.target)\",\"again\":\"\(said.replacing("/", with: "\\/"))\"}"
      let statuses = [201, 422, 201, 500, 201, 400, 401, 201, 503, 413, 403]
      let status = statuses[received.request.receivedIndex % statuses.count]
      return LoopbackResponse(
        status: status, headers: [("X-Echo", said), ("Retry-After", "1")], body: .bytes(Array(text.utf8)))
    }
    return backend
  }

  @Test func noneIsFoundAgain() async throws {
    let server = try await PostgresServer.shared
    let database = try await AirflowFixtures.dump("3.3.2")
    try await server.execute(Self.words, database: database)
    let role = PostgresServer.uniqueName("canaries")
    try await server.createRole(role, password: Self.dsnPassword)
    try await server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(role)", database: database)
    let (sink, cloud) = (try echo(), try echo())
    cloud.answer { received in
      let said = received.header("Authorization") ?? "-"
      let statuses = [401, 403, 500, 404, 200, 400]
      return LoopbackResponse(
        status: statuses[received.request.receivedIndex % statuses.count], body: .bytes(Array("<p>\(said)</p>".utf8)))
    }
    let lab = try await Lab(database: database, truth: "3.3.2")
    lab.standIn.setTokens([Self.fileToken], account: 1001)
    let secrets = try TemporaryFolder()
    let (token, wrong) = (
      try secrets.write(Self.fileToken + "\n", to: "token"), try secrets.write(Self.wrongPassword + "\n", to: "wrong")
    )
    let printed = try secrets.write(Self.commandToken + "\n", to: "printed")
    // The configuration itself holds some of them.
    let config = try secrets.write(
      """
      ledger: sqlite:\(lab.ledger)
      allow_inline_secrets: true
      record: { conf: redact, messages: redact, sensitive_names: [iban] }
      airflow:
        - name: lab
          dsn: "postgresql://\(role):\(Self.dsnPassword)@127.0.0.1:\(server.port)/\(database)?sslmode=disable"
          namespace: default
          backfill: all
          poll_interval: 100ms
        - name: locked
          dsn: "host=127.0.0.1 port=\(server.port) dbname=\(database) user=\(role) sslmode=disable"
          password_file: \(wrong)
          namespace: default
          backfill: all
        - name: away
          dsn: "host=127.0.0.1 port=\(try freePort()) user=u password='\(Self.dsnPassword)' dbname=x sslmode=disable"
          namespace: default
      dbt_cloud:
        - { name: file, account_id: 1001, url: "http://127.0.0.1:\(lab.cloudPort)", token_file: "\(token)" }
        - { name: inline, account_id: 70437463654557, url: "http://127.0.0.1:\(cloud.port)", runs: all, token: "\(Self.inlineToken)" }
      sinks:
        - { name: archive, type: file, path: "\(lab.archive)" }
        - name: lineage
          type: openlineage
          url: "\(sink.url)?api_key=\(Self.queryToken)"
          token_command: [cat, "\(printed)"]
      """ + "\n", to: "syncer.yaml")

    var seen: [(what: String, text: String)] = []
    func look(_ arguments: [String]) async throws -> String {
      let output = try await Program.run(arguments, config: config)
      seen += [("\(arguments)", output.text), ("\(arguments) errors", output.errorText)]
      return output.text
    }
    _ = try await look(["validate"])
    _ = try await look(["validate", "--print-grants"])
    let daemon = try Program.start(
      ["run", "--log-level", "debug"], config: config, environment: ["TMPDIR": lab.folder.path])
    try await eventually("answers of all kinds") { sink.received.count > 11 && cloud.received.count > 1 }
    try await eventually("parked items") {
      let status = try JSONValue(parsing: try await Program.run(["status", "--json"], config: config).text)
      return status["source"]?.stringValue == "daemon"
        && status["sinks"]?.arrayValue?.contains { $0["parked"]?.integerValue ?? 0 > 1 } == true
    }
    try await eventually("a line for developers") { daemon.output.errorText.contains("level=debug") }
    for name in ["cmdline", "environ"] {
      let bytes = FileManager.default.contents(atPath: "/proc/\(daemon.processID)/\(name)") ?? Data()
      #expect(!bytes.isEmpty)
      seen.append((name, String(decoding: bytes, as: UTF8.self)))
    }
    for question in ["status\n", "screen 200 0\n", "canary?\n"] {
      let output = try await Subprocess.run(
        ["/usr/bin/env", "python3", "-c", Self.asking, lab.ledger + ".sock"], input: Array(question.utf8))
      #expect(output.status == 0 && !output.text.isEmpty, "\(output.errorText)")
      seen.append(("socket", output.text))
    }
    for command in [
      ["status"], ["status", "--json"], ["runs", "list"], ["runs", "list", "--json"],
      ["runs", "show", "dbt_matrix@latest"],
      ["checks", "list"], ["checks", "list", "--json"], ["why", "orders"],
    ] { _ = try await look(command) }
    let records = try #require(seen.first { $0.what == #"["runs", "list", "--json"]"# }).text
    #expect(records.contains("visible") && records.contains("***"))
    // Nothing is left of it in a core either: none is written.
    daemon.signal(SIGABRT)
    _ = try await daemon.finish(within: 10)
    seen += [("log", daemon.output.errorText), ("output", daemon.output.text)]
    #expect(seen.contains { $0.what == "log" && $0.text.contains("level=debug") })
    _ = try await look(["status"])
    // What each was told stands in the ledger, so it was kept: else there were nothing to hide.
    let ledger = ["", "-wal"].map {
      String(decoding: FileManager.default.contents(atPath: lab.ledger + $0) ?? Data(), as: UTF8.self)
    }.joined()
    #expect(ledger.contains("Bearer ***") && ledger.contains(#""API-Key":"***""#))

    seen += sink.received.map { ("event", $0.text) }
    #expect(sink.received.allSatisfy { $0.header("Authorization") == "Bearer \(Self.commandToken)" })
    let files = try FileManager.default.subpathsOfDirectory(atPath: lab.folder.path)
    #expect(files.contains("ledger.db") && files.contains("records.ndjson"))
    for name in files {
      // The lab's own configuration has none.
      guard let bytes = FileManager.default.contents(atPath: lab.folder.file(name)) else { continue }
      seen.append((name, String(decoding: bytes, as: UTF8.self)))
      #expect(!name.hasPrefix("core"))
    }
    for (what, text) in seen {
      for range in text.ranges(of: Self.mark) {
        let around = text[..<range.upperBound].suffix(120) + text[range.upperBound...].prefix(40)
        // What was asked over the socket is not repeated either.
        Issue.record("\(what): …\(around)…")
        break
      }
    }
  }

  private static let asking = """
    import socket, sys
    with socket.socket(socket.AF_UNIX) as s:
      s.connect(sys.argv[1]); s.sendall(sys.stdin.buffer.read())
      while data := s.recv(65536): sys.stdout.write(data.decode())
    """

  /// Configurations that are wrong, with a secret near where they are.
  @Test(arguments: [
    "dbt_cloud: [{ name: a, account_id: 1, url: 'https://h', token: canary-1 }]",
    "dbt_cloud: [{ name: a, account_id: 1, url: 'https://h', token: [canary-1, canary-2] }]",
    "dbt_cloud: [{ name: a, account_id: 1, url: 'https://h', token: { canary-1: canary-2 } }]",
    "dbt_cloud: [{ name: a, account_id: 1, url: 'https://u:canary-1@h', token_file: x }]",
    "dbt_cloud: [{ name: a, account_id: 1, url: 'https://h?token=canary-1', token_file: x }]",
    "dbt_cloud: [{ name: a, account_id: 1, url: 'https://u:canary 1@h', token_file: x }]",
    "dbt_cloud:\n  - name: a\n    token: \"canary-1\n    account_id: 1",
    "dbt_cloud:\n  - name: a\n    token: 'canary-1'canary-2\n    account_id: 1",
    "dbt_cloud:\n  - name: a\n    token: @canary-1",
    "dbt_cloud:\n  - name: a\n    token: canary-1: canary-2\n",
    "dbt_cloud:\n  - name: a\n    token: &canary-1 x\n  - *canary-1",
    "airflow: [{ name: a, dsn: 'host=h password=canary-1 dbname=d' }]",
    "airflow: [{ name: a, dsn: 'host=h password=canary 1 canary2=x' }]",
    "airflow: [{ name: a, dsn: 'postgresql://u:canary-1@h:x/d' }]",
    "airflow: [{ name: a, dsn: 'postgresql://u:canary-1@h/d?sslmode=canary-2' }]",
    "airflow: [{ name: a, dsn: [canary-1] }]", "airflow: [{ name: a, dsn: 'host=h password=\\'canary-1' }]",
    "ledger: postgresql://u:canary-1@h/d", "ledger: postgres//u:canary-1@h/d", "ledger: [canary-1]",
    "airflow: [{ name: a, dsn: 'host=/s', password_command: 'echo canary-1; exit 1' }]",
    "airflow: [{ name: a, dsn: 'host=/s', password_command: [sh, -c, 'printf \"canary-1\\ncanary-2\"'] }]",
    "airflow: [{ name: a, dsn: 'host=/s', password_command: [canary-1] }]",
  ]) func noMessageAboutAConfigurationQuotesASecret(_ text: String) async throws {
    let folder = try TemporaryFolder()
    let config = try folder.write(text + "\n", to: "syncer.yaml")
    let output = try await Program.run(["validate", "--offline"], config: config)
    #expect(output.status != 0, "\(text)")
    #expect(!(output.text + output.errorText).contains(Self.mark), "\(text): \(output.text)\(output.errorText)")
  }
}
