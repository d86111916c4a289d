import Testing

@testable import Configuration

/// Configurations that are wrong, with all that is said about them.
struct ConfigurationErrorsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    var expected: [String]
    var testDescription: String { name }
  }

  static let airflow = "airflow: [{name: a, dsn: dbname=x, namespace: n}]\n"

  static func airflow(_ lines: String) -> String { "airflow:\n  - name: a\n    dsn: dbname=x\n    \(lines)\n" }
  static func account(_ lines: String) -> String {
    airflow + "dbt_cloud:\n  - name: d\n    account_id: 1\n    url: https://d\n    token_file: /t\n    \(lines)\n"
  }
  static func sink(_ lines: String) -> String { airflow + "sinks:\n  - name: s\n    \(lines)\n" }

  static let cases: [Case] = [
    Case(
      name: "empty", text: "",
      expected: [
        "1:1: airflow: required, and missing; expected at least one Airflow instance, or, to record dbt runs without Airflow, `runs: all` in an entry of dbt_cloud, or dbt_artifacts"
      ]),
    Case(name: "a list", text: "- a", expected: ["1:1: expected a mapping (`key: value` lines), found a list"]),
    Case(name: "a word", text: "hello", expected: ["1:1: expected a mapping (`key: value` lines), found `hello`"]),
    Case(
      name: "no instance", text: "airflow: []",
      expected: [
        "1:10: airflow: required, and missing; expected at least one Airflow instance, or, to record dbt runs without Airflow, `runs: all` in an entry of dbt_cloud, or dbt_artifacts"
      ]),
    Case(
      name: "no list", text: "airflow: {name: a}",
      expected: ["1:10: airflow: expected a list (lines that begin with `- `), found a mapping"]),
    Case(
      name: "entry is no mapping", text: "airflow: [prod]",
      expected: ["1:11: airflow[0]: expected a mapping (`key: value` lines), found `prod`"]),
    Case(
      name: "missing keys", text: "airflow:\n  - role: primary\n",
      expected: [
        "2:5: airflow[0].name: required, and missing; expected name",
        "2:5: airflow[0].dsn: required, and missing; expected libpq connection string",
      ]),
    Case(
      name: "misspelled", text: airflow("poll_intervall: 5s"),
      expected: ["4:5: airflow[0].poll_intervall: unknown key; did you mean poll_interval?"]),
    Case(
      name: "elsewhere", text: airflow("account_id: 5"),
      expected: ["4:5: airflow[0].account_id: unknown key; it belongs to dbt_cloud[]"]),
    Case(
      name: "at the top", text: airflow + "backfill: all\n",
      expected: ["2:1: backfill: unknown key; it belongs to airflow[] or dbt_cloud[]"]),
    Case(
      name: "unknown", text: "record: {zzz: 1}\n" + airflow,
      expected: ["1:10: record.zzz: unknown key; known here: conf, messages, sensitive_names"]),
    Case(
      name: "merge key", text: airflow("<<: {}"),
      expected: ["4:5: airflow[0].<<: unknown key; merging is not supported, write the keys out"]),
    Case(
      name: "strange key", text: airflow("\"a\\nb\": 1"),
      expected: [
        "4:5: airflow[0].`a\\u{a}b`: unknown key; known here: name, dsn, password_file, password_command, namespace, "
          + "openlineage_provider, ui_url, role, poll_interval, backfill, "
          + "sweep_interval, look_back, dags"
      ]),
    Case(
      name: "duplicate key", text: airflow("role: primary\n    role: replica"),
      expected: ["5:5: duplicate key `role`, first given in line 4"]),
    Case(
      name: "bad name", text: "airflow: [{name: 'a b', dsn: dbname=x}]",
      expected: ["1:18: airflow[0].name: expected a name of letters, digits, `_` and `-` (at most 64), found `a b`"]),
    Case(
      name: "same name",
      text: airflow + "sinks:\n- {name: s, type: file, path: /a}\n- {name: s, type: file, path: /b}\n",
      expected: ["4:10: sinks[1].name: expected each once, found `s` again; first given in line 3"]),
    Case(
      name: "no duration", text: airflow("poll_interval: 5"),
      expected: [
        "4:20: airflow[0].poll_interval: expected a duration from 100ms to 1h, such as 5s, 200ms or 1h30m, found `5`"
      ]),
    Case(
      name: "too short", text: airflow("poll_interval: 1ms"),
      expected: [
        "4:20: airflow[0].poll_interval: expected a duration from 100ms to 1h, such as 5s, 200ms or 1h30m, found `1ms`"
      ]),
    Case(
      name: "no value", text: airflow("poll_interval:"),
      expected: [
        "4:19: airflow[0].poll_interval: expected a duration from 100ms to 1h, such as 5s, 200ms or 1h30m, found nothing"
      ]),
    Case(
      name: "backfill", text: airflow("backfill: some"),
      expected: ["4:15: airflow[0].backfill: expected `all`, `none` or a duration such as 30d, found `some`"]),
    Case(
      name: "role", text: airflow("role: replicas"),
      expected: ["4:11: airflow[0].role: expected `primary` or `replica`, found `replicas`; did you mean replica?"]),
    Case(
      name: "provider", text: airflow("openlineage_provider: 2.0"),
      expected: [
        "4:27: airflow[0].openlineage_provider: expected `>=2.0`, `1.9-1.14` or `<=1.8`, found `2.0`"
      ]),
    Case(
      name: "globs", text: airflow("dags: {include: etl_*, exclude: [a, {b: c}], only: x}"),
      expected: [
        "4:21: airflow[0].dags.include: expected a list such as [a, b], found `etl_*`",
        "4:41: airflow[0].dags.exclude[1]: expected text, found a mapping",
        "4:50: airflow[0].dags.only: unknown key; known here: include, exclude",
      ]),
    Case(
      name: "remote without sslmode", text: "airflow: [{name: a, dsn: host=db}]",
      expected: [
        "1:26: airflow[0].dsn: expected an explicit sslmode, because `db` is not this machine: sslmode=verify-full "
          + "(encrypted, the server's name checked; needs sslrootcert), verify-ca, require (encrypted, the server not "
          + "checked), prefer, allow or disable (not encrypted)"
      ]),
    Case(
      name: "inline password", text: "airflow: [{name: a, dsn: 'host=localhost password=x'}]",
      expected: [
        "1:26: airflow[0].dsn: a password in the dsn is refused; use password_file or password_command, or set "
          + "allow_inline_secrets: true"
      ]),
    Case(
      name: "SQLAlchemy URL", text: "airflow: [{name: a, dsn: 'postgresql+psycopg2://u:p@h/d'}]",
      expected: [
        "1:26: airflow[0].dsn: expected a libpq connection string; write postgresql:// without a driver's name"
      ]),
    Case(
      name: "two passwords", text: airflow("password_file: /p\n    password_command: pass"),
      expected: ["4:20: airflow[0].password_file: expected only one of password_file, password_command, found 2"]),
    Case(
      name: "secret for path", text: airflow("password_file: abc123"),
      expected: [
        "4:20: airflow[0].password_file: expected the path of a file that holds the secret, such as "
          + "/etc/airflow-syncer/secret or ./secret, found text without a slash"
      ]),
    Case(
      name: "variable in path", text: airflow("password_file: $HOME/x"),
      expected: [
        "4:20: airflow[0].password_file: expected a path, found one with ~ or a variable; "
          + "only ${CREDENTIALS_DIRECTORY} is replaced"
      ]),
    Case(
      name: "command", text: airflow("password_command: [vault, [x]]"),
      expected: [
        "4:23: airflow[0].password_command: expected a command line, or a list [program, argument], "
          + "found a list or mapping of another kind"
      ]),
    Case(
      name: "account id", text: airflow + "dbt_cloud: [{name: d, account_id: 12x, url: https://d, token_file: /t}]",
      expected: ["2:35: dbt_cloud[0].account_id: expected a whole number from 1 to 9223372036854775807, found `12x`"]),
    Case(
      name: "account id of 65 bits",
      text: airflow + "dbt_cloud: [{name: d, account_id: 9223372036854775808, url: https://d, token_file: /t}]",
      expected: [
        "2:35: dbt_cloud[0].account_id: expected a whole number from 1 to 9223372036854775807, "
          + "found `9223372036854775808`"
      ]),
    Case(
      name: "no token", text: airflow + "dbt_cloud: [{name: d, account_id: 1, url: https://d}]",
      expected: ["2:13: dbt_cloud[0].token_file: required, and missing; expected one of token_file, token_command"]),
    Case(
      name: "inline token", text: airflow + "dbt_cloud: [{name: d, account_id: 1, url: https://d, token: x}]",
      expected: [
        "2:61: dbt_cloud[0].token: a token in this file is refused; use token_file or token_command, or set "
          + "allow_inline_secrets: true"
      ]),
    Case(
      name: "account URL with path",
      text: airflow + "dbt_cloud: [{name: d, account_id: 1, url: https://d/api, token_file: /t}]",
      expected: [
        "2:43: dbt_cloud[0].url: expected the account's access URL without a path, such as https://ab123.us1.dbt.com, "
          + "found the path `/api`"
      ]),
    Case(
      name: "plain http", text: airflow + "dbt_cloud: [{name: d, account_id: 1, url: http://d, token_file: /t}]",
      expected: [
        "2:43: dbt_cloud[0].url: expected https://, found http:// to d, which would show tokens to the network; "
          + "allow_plain_http: true allows it"
      ]),
    Case(
      name: "no URL", text: airflow + "dbt_cloud: [{name: d, account_id: 1, url: cloud.getdbt.com, token_file: /t}]",
      expected: ["2:43: dbt_cloud[0].url: expected a URL such as https://host/path, found `cloud.getdbt.com`"]),
    Case(
      name: "same account twice",
      text: account("ca_file: /c") + "  - {name: e, account_id: 1, url: https://d, token_file: /t}\n",
      expected: ["8:27: dbt_cloud[1].account_id: expected each once, found `1 at d` again; first given in line 4"]),
    Case(
      name: "token file in home", text: account("ca_file: ~/c"),
      expected: ["7:14: dbt_cloud[0].ca_file: expected a path, found `~/c`; neither ~ nor variables are replaced here"]),
    Case(
      name: "sink type", text: sink("type: openlinage"),
      expected: ["4:11: sinks[0].type: expected `openlineage` or `file`, found `openlinage`; did you mean openlineage?"]
    ),
    Case(
      name: "no sink type", text: sink("path: /x"),
      expected: ["3:5: sinks[0].type: required, and missing; expected `openlineage` or `file`"]),
    Case(
      name: "key of the other type", text: sink("type: file\n    path: /x\n    url: https://x"),
      expected: ["6:5: sinks[0].url: not a key of a sink of type file; it belongs to type openlineage"]),
    Case(
      name: "file without path", text: sink("type: file"),
      expected: ["3:5: sinks[0].path: required, and missing; expected path"]),
    Case(
      name: "emit", text: sink("type: openlineage\n    url: https://x\n    emit: [dag_run, dbt_runs]"),
      expected: [
        "6:12: sinks[0].emit[0]: expected `dag_runs`, `attempts`, `dbt_runs` or `dbt_nodes`, found `dag_run`; "
          + "did you mean dag_runs?"
      ]),
    Case(
      name: "emit nothing", text: sink("type: openlineage\n    url: https://x\n    emit: []"),
      expected: ["6:11: sinks[0].emit: expected at least one kind, found an empty list"]),
    Case(
      name: "emit twice", text: sink("type: openlineage\n    url: https://x\n    emit: [attempts, attempts]"),
      expected: ["6:11: sinks[0].emit: expected each kind once, found one twice"]),
    Case(
      name: "query", text: sink("type: openlineage\n    url: https://x/?code=1"),
      expected: [
        "5:10: sinks[0].url: a URL with `?…` may hold a credential and is refused; use token_file, or set "
          + "allow_inline_secrets: true"
      ]),
    Case(
      name: "bool", text: sink("type: openlineage\n    url: https://x\n    gzip: yes"),
      expected: ["6:11: sinks[0].gzip: expected true or false, found `yes`"]),
    Case(
      name: "two sinks, one file",
      text: airflow + "sinks: [{name: a, type: file, path: /x}, {name: b, type: file, path: /x}]",
      expected: ["2:70: sinks[1].path: expected a file of its own, found that of sink `a`"]),
    Case(
      name: "sink in the ledger", text: airflow + "ledger: sqlite:/x\nsinks: [{name: a, type: file, path: /x}]",
      expected: ["3:37: sinks[0].path: expected a file of its own, found that of the ledger"]),
    Case(
      name: "namespace", text: airflow("role: primary") + "sinks: [{name: s, type: openlineage, url: https://x}]",
      expected: [
        "2:5: airflow[0].namespace: required, because sink `s` is of type openlineage; give the value of `namespace` in "
          + "section [openlineage] of Airflow's configuration (`default` when it is not set there)"
      ]),
    Case(
      name: "ledger in Postgres with a password", text: airflow + "ledger: postgresql://u:p@localhost/x",
      expected: [
        "2:9: ledger: a password in the dsn is refused; use ledger_password_file or ledger_password_command, or set "
          + "allow_inline_secrets: true"
      ]),
    Case(
      name: "ledger without scheme", text: airflow + "ledger: /var/lib/x.db",
      expected: [
        "2:9: ledger: expected sqlite:PATH, such as sqlite:/var/lib/airflow-syncer/ledger.db, or "
          + "postgresql://user@host/database"
      ]),
    Case(
      name: "ledger without file", text: airflow + "ledger: 'sqlite:'",
      expected: ["2:9: ledger: expected a file after sqlite:, such as sqlite:/var/lib/airflow-syncer/ledger.db"]),
    Case(
      name: "record", text: airflow + "record: {conf: redacted, messages: redacted}",
      expected: [
        "2:16: record.conf: expected `redact`, `keep` or `drop`, found `redacted`; did you mean redact?",
        "2:36: record.messages: expected `keep`, `redact` or `drop`, found `redacted`; did you mean redact?",
      ]),
    Case(
      name: "long and strange value", text: airflow("role: \"\\e[31m\(String(repeating: "x", count: 100))\""),
      expected: [
        "4:11: airflow[0].role: expected `primary` or `replica`, found `\\u{1b}[31m\(String(repeating: "x", count: 55))…`"
      ]),
    Case(
      name: "everything at once",
      text: "airflow:\n  - nam: a\n    dsn: host=db\n    role: x\nsinks: 5\nledgr: x\n",
      expected: [
        "2:5: airflow[0].nam: unknown key; did you mean name?",
        "2:5: airflow[0].name: required, and missing; expected name",
        "3:10: airflow[0].dsn: expected an explicit sslmode, because `db` is not this machine: sslmode=verify-full "
          + "(encrypted, the server's name checked; needs sslrootcert), verify-ca, require (encrypted, the server not "
          + "checked), prefer, allow or disable (not encrypted)",
        "4:11: airflow[0].role: expected `primary` or `replica`, found `x`",
        "5:8: sinks: expected a list (lines that begin with `- `), found `5`",
        "6:1: ledgr: unknown key; did you mean ledger?",
      ]),
  ]

  @Test(arguments: cases)
  func eachErrorIsNamedWithItsPlace(_ bad: Case) {
    do throws(ConfigurationErrors) {
      let parsed = try Configuration.parse(text: bad.text, file: "syncer.yaml")
      Issue.record("accepted: \(parsed)")
    } catch {
      #expect(error.problems.map(\.description) == bad.expected.map { "syncer.yaml:\($0)" })
    }
  }
}
