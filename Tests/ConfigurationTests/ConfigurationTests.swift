import TestServers
import Testing

@testable import Configuration

struct ConfigurationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let whole = """
    ledger: sqlite:state/ledger.db
    airflow:
      - name: prod
        dsn: host=pgb.example port=6543 dbname=airflow user=syncer sslmode=verify-full sslrootcert=/etc/ssl/pg.pem
        password_file: /run/credentials/airflow-syncer.service/airflow_password
        namespace: default
        openlineage_provider: 1.9-1.14
        ui_url: http://airflow.example
        role: replica
        poll_interval: 200ms
        backfill: all
        dags: { include: ["etl_*", dbt], exclude: ["tmp_*"] }
      - name: legacy
        dsn: postgresql:///airflow?host=/run/postgresql
        password_command: [vault, read]
        namespace: other
        backfill: none
    dbt_cloud:
      - name: analytics
        account_id: 70471883265340
        url: https://ab123.us1.dbt.com
        token_command: pass show dbt
        namespace: shop
        ca_file: ca.pem
        dataset_naming: spec
        dataset_namespace: { 5: "postgres://a:1", 6: bigquery }
    dbt_artifacts:
      - { name: nightly, path: /srv/dbt/target, dataset_namespace: "postgres://db:5432" }
      - { name: hourly, path: /srv/dbt/hourly }
    sinks:
      - name: lineage
        type: openlineage
        url: https://marquez.example/api/v1/lineage
        token_file: ./token
        emit: [dbt_runs, dbt_nodes]
        gzip: false
        timeout: 1m30s
        history: false
      - name: archive
        type: file
        path: records.ndjson
        results: failed
    record: { conf: drop, messages: drop }
    """

  @Test func everyValueArrives() throws {
    let (configuration, warnings) = try Configuration.parse(text: Self.whole, file: "/etc/syncer/syncer.yaml")
    #expect(warnings == [])
    #expect(configuration.ledger == .sqlite(path: "/etc/syncer/state/ledger.db"))
    #expect(configuration.record == RecordConfiguration(conf: .drop, messages: .drop))
    #expect(!configuration.allowInlineSecrets && !configuration.allowPlainHTTP)

    #expect(configuration.dbtCloud[0].datasetNaming == .spec)
    #expect(configuration.dbtCloud[0].datasetNamespace.ofProjects == [5: "postgres://a:1", 6: "bigquery"])
    #expect(configuration.dbtArtifacts.map(\.datasetNamespace) == ["postgres://db:5432", nil])
    let prod = configuration.airflow[0]
    #expect(prod.name == "prod" && prod.dsn["host"] == "pgb.example" && prod.namespace == "default")
    #expect(prod.password?.source == .file("/run/credentials/airflow-syncer.service/airflow_password"))
    #expect(prod.password?.key == "airflow[0].password_file")
    #expect(prod.openLineageProvider == .from1_9 && prod.role == .replica && prod.backfill == .all)
    #expect(prod.uiURL?.text == "http://airflow.example" && prod.pollInterval == .milliseconds(200))
    #expect(prod.dags == DagFilter(include: ["etl_*", "dbt"], exclude: ["tmp_*"]))
    let legacy = configuration.airflow[1]
    #expect(legacy.password?.source == .command(.arguments(["vault", "read"])) && legacy.backfill == .none)
    #expect(legacy.dags == DagFilter(include: ["*"], exclude: []) && legacy.role == .primary)

    let account = configuration.dbtCloud[0]
    #expect(account.accountID == 70_471_883_265_340 && account.url.host == "ab123.us1.dbt.com")
    #expect(account.token.source == .command(.shell("pass show dbt")) && account.namespace == "shop")
    #expect(account.caFile == "/etc/syncer/ca.pem")

    guard case .openLineage(let lineage) = configuration.sinks[0].destination,
      case .file(let file) = configuration.sinks[1].destination
    else {
      Issue.record("wrong kinds of sink")
      return
    }
    #expect(lineage.emit == [.dbtRuns, .dbtNodes] && !lineage.gzip && lineage.timeout == .seconds(90))
    #expect(lineage.token?.source == .file("/etc/syncer/./token") && !configuration.sinks[0].history)
    #expect(file == FileDestination(path: "/etc/syncer/records.ndjson", results: .failed))
    #expect(configuration.sinks[1].history)
    #expect(
      configuration.secrets.map(\.key) == [
        "airflow[0].password_file", "airflow[1].password_command", "dbt_cloud[0].token_command", "sinks[0].token_file",
      ])
  }

  @Test func whatIsNotGivenHasItsDefault() throws {
    let text = "airflow:\n  - name: a\n    dsn: dbname=airflow\ndbt_cloud:\nsinks:\n"
    let (configuration, _) = try Configuration.parse(text: text, file: "syncer.yaml")
    #expect(configuration.ledger == .sqlite(path: "/var/lib/airflow-syncer/ledger.db"))
    #expect(configuration.dbtCloud.isEmpty && configuration.sinks.isEmpty)
    let airflow = configuration.airflow[0]
    #expect(airflow.password == nil && airflow.namespace == nil && airflow.uiURL == nil)
    #expect(airflow.openLineageProvider == .current && airflow.role == .primary)
    #expect(airflow.pollInterval == .seconds(5) && airflow.backfill == .last(.seconds(30 * 86_400)))
    #expect(configuration.record == RecordConfiguration(conf: .redact, messages: .keep))
  }

  @Test func limitsAreReadAndNoMoreHistoryIsLoadedThanIsKept() throws {
    let text = """
      max_ledger_bytes: 20GB
      retention: 90d
      airflow: [{name: a, dsn: dbname=x, backfill: all}, {name: b, dsn: dbname=y, backfill: 30d}]
      sinks: [{name: s, type: file, path: /s, max_outbox_bytes: 5MB, max_outbox_age: 2h}, {name: t, type: file, path: /t}]
      """
    let configuration = try Configuration.parse(text: text, file: "f").configuration
    #expect(configuration.maximumLedgerBytes == 20_000_000_000)
    #expect(configuration.retention.length == .seconds(90 * 86_400))
    #expect(configuration.airflow.map(\.backfill) == [.last(.seconds(90 * 86_400)), .last(.seconds(30 * 86_400))])
    #expect(configuration.sinks.map(\.maximumOutboxBytes) == [5_000_000, 1_000_000_000])
    #expect(configuration.sinks.map(\.maximumOutboxAge) == [.seconds(7200), .seconds(7 * 86_400)])
  }

  @Test func whatIsComparedWithAirflowMustBeKept() {
    let text = "retention: 14d\nairflow: [{name: a, dsn: dbname=x, look_back: 14d}]\n"
    let error = #expect(throws: ConfigurationErrors.self) { _ = try Configuration.parse(text: text, file: "f") }
    #expect(error?.description.contains("look_back: expected a day less than `retention` (14d) at most") == true)
    #expect(throws: ConfigurationErrors.self) { _ = try Configuration.parse(text: "retention: 1h\n", file: "f") }
  }

  @Test func aLedgerMayBeInPostgres() throws {
    let text = """
      ledger: postgresql://syncer@db.example:6432/state?sslmode=verify-full&sslrootcert=/etc/ca.pem
      ledger_password_file: /run/secret
      airflow: [{name: a, dsn: dbname=x}]
      """
    let configuration = try Configuration.parse(text: text, file: "f").configuration
    guard case .postgres(let dsn, let password) = configuration.ledger else {
      Issue.record("\(configuration.ledger)")
      return
    }
    #expect(
      dsn.conninfo
        == "user='syncer' host='db.example' port='6432' dbname='state' sslmode='verify-full' sslrootcert='/etc/ca.pem'")
    #expect(password?.source == .file("/run/secret") && configuration.secrets.map(\.key) == ["ledger_password_file"])
  }

  @Test func aPasswordForALedgerInAFileIsOdd() throws {
    let text = "ledger: sqlite:/x\nledger_password_file: /y\nairflow: [{name: a, dsn: dbname=x}]"
    let warnings = try Configuration.parse(text: text, file: "f").warnings
    #expect(warnings.map(\.description) == ["f:1:9: ledger: needs no password: only a ledger in Postgres has one"])
  }

  @Test func anInlinePasswordLeavesTheConnectionString() throws {
    let text = "allow_inline_secrets: true\nairflow:\n  - {name: a, dsn: postgresql://u:hunter2@localhost/x}\n"
    let (configuration, _) = try Configuration.parse(text: text, file: "f")
    #expect(try configuration.airflow[0].password?.read() == "hunter2")
    #expect(configuration.airflow[0].dsn.conninfo == "user='u' host='localhost' dbname='x'")
  }

  @Test func plainHTTPIsForThisMachineOrByPermission() throws {
    func text(_ url: String, _ allow: Bool) -> String {
      """
      allow_plain_http: \(allow)
      airflow: [{name: a, dsn: dbname=x, namespace: n}]
      sinks: [{name: s, type: openlineage, url: "\(url)"}]
      """
    }
    for (url, allow) in [("http://127.0.0.1:5000/x", false), ("http://[::1]/", false), ("http://marquez:5000/", true)] {
      #expect(throws: Never.self) { try Configuration.parse(text: text(url, allow), file: "f") }
    }
    #expect(throws: ConfigurationErrors.self) {
      try Configuration.parse(text: text("http://marquez/", false), file: "f")
    }
  }

  @Test func noSecretIsEverPrinted() throws {
    let canary = "hunter2canary"
    let text = """
      allow_inline_secrets: true
      airflow:
        - name: a
          dsn: host=localhost password=\(canary) sslpassword=\(canary)
          namespace: n
        - {name: b, dsn: dbname=x, password_command: "echo \(canary)", namespace: n}
      dbt_cloud:
        - {name: d, account_id: 1, url: "https://x.dbt.com", token: \(canary)}
      sinks:
        - {name: s, type: openlineage, url: "https://x.example/p?code=\(canary)"}
      """
    let (configuration, warnings) = try Configuration.parse(text: text, file: "f")
    var dumped = "\(configuration) \(String(reflecting: configuration)) \(warnings)"
    dump(configuration, to: &dumped)
    #expect(!dumped.contains(canary))
    #expect(dumped.contains("localhost"))
  }

  @Test func noErrorQuotesWhatMayBeASecret() {
    let canary = "hunter2canary"
    let texts = [
      "airflow: [{name: a, dsn: 'host=db password=\(canary)'}]",
      "airflow: [{name: a, dsn: 'host=/run \(canary)'}]",
      "airflow: [{name: a, dsn: 'host=/run password=x \(canary)=y port=z'}]",
      "airflow: [{name: a, dsn: 'postgresql+psycopg2://u:\(canary)@h/x'}]",
      "airflow: [{name: a, dsn: [\(canary)]}]",
      "airflow: [{name: a, dsn: dbname=x, password_file: \(canary)}]",
      "airflow: [{name: a, dsn: dbname=x, password_file: '~/$\(canary)'}]",
      "airflow: [{name: a, dsn: dbname=x, password: \(canary)}]",
      "airflow: [{name: a, dsn: dbname=x, password_command: {\(canary): x}}]",
      "dbt_cloud: [{name: a, token: \(canary)}]",
      "dbt_cloud: [{name: a, token: [\(canary)]}]",
      "dbt_cloud: [{name: a, url: 'https://u:\(canary)@x.dbt.com/p?q#f'}]",
      "dbt_cloud: [{name: a, url: 'http://u:\(canary)@x.dbt.com'}]",
      "sinks: [{name: a, type: openlineage, url: 'https://x/?k=\(canary)'}]",
      "sinks: [{name: a, type: openlineage, url: 'ftp://u:\(canary)@x'}]",
      "ledger: postgresql://u:\(canary)@h/x",
      "ledger: mysql://u:\(canary)@h/x",
    ]
    for text in texts {
      #expect {
        try Configuration.parse(text: text, file: "f")
      } throws: { error in
        !"\(error)".contains(canary) && "\(error)".hasPrefix("f:1:")
      }
    }
  }

  // MARK: Files

  private func problem(_ path: String) -> String {
    do throws(ConfigurationErrors) {
      _ = try Configuration.load(path: path)
      return ""
    } catch { return error.description }
  }

  @Test func aFileIsLoaded() throws {
    let path = folder.file("syncer.yaml", "airflow: [{name: a, dsn: dbname=x}]\nledger: sqlite:l.db\n".utf8)
    let (configuration, warnings) = try Configuration.load(path: path)
    #expect(configuration.ledger == .sqlite(path: "\(folder.path)/l.db") && warnings == [])
  }

  @Test func anUnreadableFileSaysWhatToDo() {
    #expect(
      problem("/nonexistent/syncer.yaml") == "/nonexistent/syncer.yaml: cannot be read: No such file or directory; "
        + "write one with `airflow-syncer config example`, or name another with --config FILE")
    #expect(problem(folder.path).contains("not a regular file"))
    #expect(problem(folder.file("big.yaml", [UInt8](repeating: 0x20, count: 2 << 20))).contains("larger than"))
    #expect(problem(folder.file("latin1.yaml", Array("a: 1\nb: ".utf8) + [0xE9])).contains("latin1.yaml:2: not UTF-8"))
  }

  @Test func inlineSecretsInAFileForEverybodyAreAWarning() throws {
    let text = "allow_inline_secrets: true\nairflow: [{name: a, dsn: 'dbname=x password=y'}]\n"
    let open = folder.file("open.yaml", text.utf8, mode: 0o644)
    #expect(try Configuration.load(path: open).warnings.map(\.message).contains { $0.contains("chmod o-rwx") })
    #expect(try Configuration.load(path: folder.file("closed.yaml", text.utf8, mode: 0o640)).warnings == [])
  }
}
