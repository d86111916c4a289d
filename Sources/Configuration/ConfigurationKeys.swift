/// The table of all keys. The reader, the check for unknown keys, the example and the reference are made from it.
enum TopKeys {
  static let ledger = Key(
    "ledger", .text, default: "sqlite:/var/lib/airflow-syncer/ledger.db",
    "Where records, cursors and pending deliveries are kept: `sqlite:PATH`, or `postgresql://user@host/database?sslmode=…`, "
      + "without the password, for a schema `airflow_syncer` in that database. With several hosts (`host1,host2`) add "
      + "`target_session_attrs=read-write`.")
  static let ledgerPasswordFile = Key(
    "ledger_password_file", .secretPath, example: "${CREDENTIALS_DIRECTORY}/ledger_password",
    "A file that holds the password of a ledger in Postgres. Read again when the server refuses it.")
  static let ledgerPasswordCommand = Key(
    "ledger_password_command", .command, example: "[vault, kv, get, -field=password, secret/ledger]",
    insteadOf: "ledger_password_file",
    "A command that prints the password within 10 s: a line for the shell, or a list.")
  static let statusSocket = Key(
    "status_socket", .path, example: "/run/airflow-syncer/status.sock",
    "A unix socket on which the daemon tells how it does, for `status`; default: the ledger's file with `.sock` after it, or "
      + "with a ledger in Postgres /run/airflow-syncer/status.sock.")
  static let maximumLedgerBytes = Key(
    "max_ledger_bytes", .size, example: "20GB",
    "How large the ledger may become; default: as large as its disk allows. From 80 % on no history is loaded, from 90 % on "
      + "no events are made, at the limit nothing is read until there is room again. Nothing is dropped.")
  static let retention = Key(
    "retention", .retention, default: "none", example: "90d",
    "How long finished runs are kept once everything about them is delivered; `none`: for good. Longer than each look_back."
  )
  static let airflow = Key(
    "airflow", .mappings, default: "[]", shown: true, inside: AirflowKeys.section,
    "The Airflow metadata databases to read. At least one, unless dbt runs are wanted for their own sake: `runs: all` of "
      + "an account, or dbt_artifacts.")
  static let dbtCloud = Key(
    "dbt_cloud", .mappings, default: "[]", shown: true, inside: DbtCloudKeys.section,
    "The dbt Cloud accounts whose runs Airflow triggers. Links to an account that is not listed are kept, unresolved.")
  static let dbtArtifacts = Key(
    "dbt_artifacts", .mappings, example: "[{ name: nightly, path: /srv/dbt/target }]",
    inside: DbtArtifactsKeys.section,
    "Folders that dbt Core writes its artifacts to: each finished invocation is recorded once.")
  static let sinks = Key(
    "sinks", .mappings, default: "[]", shown: true, inside: SinkKeys.section,
    "Where records are forwarded to. Without any, they are in the ledger: `airflow-syncer runs`.")
  static let record = Key(
    "record", .mapping, example: "{ conf: redact, messages: keep, sensitive_names: [] }", inside: RecordKeys.section,
    "What is kept and sent of what others have written: a DAG run's conf, and messages of dbt.")
  static let allowInlineSecrets = Key(
    "allow_inline_secrets", .bool, default: "false",
    "Accept passwords and tokens in this file itself. Better: password_file, token_file.")
  static let allowPlainHTTP = Key(
    "allow_plain_http", .bool, default: "false",
    "Accept http:// to hosts other than this machine; tokens then cross the network readable.")

  static let section = Section(
    path: "",
    rows: [
      ledger.row, ledgerPasswordFile.row, ledgerPasswordCommand.row, statusSocket.row, maximumLedgerBytes.row,
      retention.row, airflow.row, dbtCloud.row, dbtArtifacts.row,
      sinks.row, record.row, allowInlineSecrets.row,
      allowPlainHTTP.row,
    ])
}

/// The keys of an entry of `airflow:`.
enum AirflowKeys {
  static let name = Key("name", .name, required: true, example: "prod", "Unique; part of every record's key.")
  static let dsn = Key(
    "dsn", .hidden("libpq connection string", "a libpq connection string"), required: true,
    example:
      "host=db.example dbname=airflow user=airflow_syncer sslmode=verify-full sslrootcert=/etc/ssl/certs/ca-certificates.crt",
    "How to reach the database, without the password: `host=… dbname=…` or postgresql://…; "
      + "a remote host needs an explicit sslmode. PgBouncer in transaction mode will do.")
  static let passwordFile = Key(
    "password_file", .secretPath, example: "${CREDENTIALS_DIRECTORY}/airflow_password", shown: true,
    "A file that holds the password. ${CREDENTIALS_DIRECTORY} is the folder of LoadCredential= in the systemd unit. "
      + "Read again when the server refuses the password.")
  static let passwordCommand = Key(
    "password_command", .command, example: "[vault, kv, get, -field=password, secret/airflow]",
    insteadOf: "password_file", "A command that prints the password within 10 s: a line for the shell, or a list.")
  static let namespace = Key(
    "namespace", .text, example: "default", shown: true,
    "Airflow's own `[openlineage] namespace`; required with an openlineage sink, so that both name the same jobs.")
  static let openLineageProvider = Key(
    "openlineage_provider", ValueType<OpenLineageProvider>.choice, default: "\">=2.0\"",
    "Version of Airflow's apache-airflow-providers-openlineage: its run ids are made in three ways.")
  static let uiURL = Key(
    "ui_url", .url, example: "https://airflow.example", "Address of Airflow's web pages, for links in records.")
  static let role = Key(
    "role", ValueType<DatabaseRole>.choice, default: "primary",
    "What the dsn leads to. On a replica, conflicts with recovery are retried and a missing row is no deletion.")
  static let pollInterval = Key(
    "poll_interval", .duration(.milliseconds(100) ... .seconds(3600)), default: "5s", "Pause between two polls.")
  static let backfill = Key(
    "backfill", .backfill, default: "30d", "How much history to load at first contact.")
  static let sweepInterval = Key(
    "sweep_interval", .duration(.seconds(1) ... .seconds(86_400)), default: "10m",
    "How often finished runs are compared with Airflow's: what changed or vanished meanwhile is found within this time."
  )
  static let lookBack = Key(
    "look_back", .duration(.seconds(3600) ... .seconds(3650 * 86_400)), default: "14d",
    "How far back runs are compared. Older ones are not looked at again, unless Airflow opens them.")
  static let dags = Key(
    "dags", .mapping, example: "{ include: [\"*\"], exclude: [\"tmp_*\"] }", inside: DagKeys.section,
    "Which DAGs to read, by globs on the dag_id.")

  static let section = Section(
    path: "airflow[]", isList: true,
    rows: [
      name.row, dsn.row, passwordFile.row, passwordCommand.row, namespace.row, openLineageProvider.row, uiURL.row,
      role.row, pollInterval.row, backfill.row, sweepInterval.row, lookBack.row, dags.row,
    ])
}

/// The keys of `airflow[].dags:`.
enum DagKeys {
  private static let globs = ValueType<[String]>.list(of: .text, name: "list of globs")
  static let include = Key(
    "include", globs, default: "[\"*\"]", "DAGs to read; `*` is any text, `?` any one character.")
  static let exclude = Key("exclude", globs, default: "[]", "DAGs to leave out of those.")

  static let section = Section(path: "airflow[].dags", rows: [include.row, exclude.row])
}

/// The keys of an entry of `dbt_cloud:`.
enum DbtCloudKeys {
  static let name = Key("name", .name, required: true, example: "analytics", "Unique; shown in records and status.")
  static let accountID = Key(
    "account_id", .positiveInteger, required: true, example: "4433", "The number after /accounts/ or /deploy/.")
  static let url = Key(
    "url", .url, required: true, example: "https://ab123.us1.dbt.com", "The account's access URL, without a path.")
  static let tokenFile = Key(
    "token_file", .secretPath, example: "${CREDENTIALS_DIRECTORY}/dbt_token", shown: true,
    "A file that holds a service token with read access to jobs. Read again when dbt Cloud refuses it.")
  static let tokenCommand = Key(
    "token_command", .command, example: "[vault, kv, get, -field=token, secret/dbt]", insteadOf: "token_file",
    "A command that prints the token within 10 s: a line for the shell, or a list.")
  static let token = Key(
    "token", .hidden("text", "a token"), example: "…", insteadOf: "token_file",
    "The token itself; only with allow_inline_secrets.")
  static let namespace = Key(
    "namespace", .text, example: "analytics",
    "Namespace of the account's jobs in OpenLineage events; default: the account's name. Run ids are derived from it.")
  static let datasetNaming = Key(
    "dataset_naming", ValueType<DatasetStyle>.choice, default: "producer",
    "Whose names of datasets to follow: those of OpenLineage's dbt integration, or of its naming specification.")
  static let datasetNamespace = Key(
    "dataset_namespace", .datasetNamespaces, example: "snowflake://acme-prod",
    "Namespace of the projects' datasets, or a mapping from project ids to namespaces; default: made of each project's connection."
  )
  static let caFile = Key(
    "ca_file", .path, example: "/etc/ssl/certs/corporate.pem", "Certificates to trust besides the system's, PEM.")
  static let requestsPerSecond = Key(
    "requests_per_second", .rate, default: "2",
    "Calls per second at most, 0.1 to 10000; ten may follow at once. dbt Cloud's own limit is 5,000 a minute per "
      + "account; after too many calls it is silent for five minutes.")
  static let maximumArtifactBytes = Key(
    "max_artifact_bytes", .positiveInteger, default: "1073741824",
    "How large an artifact may be. The record of a run is kept without one that is larger.")
  static let runs = Key(
    "runs", ValueType<WantedRuns>.choice, default: "linked", example: "all",
    "Which dbt runs are recorded: those that Airflow's attempts lead to, or all of the account.")
  static let backfill = Key(
    "backfill", .backfill, default: "30d", "With `runs: all`: how much history to load at first contact.")
  private static let ids = ValueType<[Int64]>.list(of: .positiveInteger, name: "list of numbers")
  static let jobs = Key("jobs", ids, example: "[104]", "With `runs: all`: only runs of these jobs.")
  static let projects = Key("projects", ids, example: "[501]", "With `runs: all`: only runs of these projects.")
  static let environments = Key(
    "environments", ids, example: "[601]", "With `runs: all`: only runs of these environments.")

  static let section = Section(
    path: "dbt_cloud[]", isList: true,
    rows: [
      name.row, accountID.row, url.row, tokenFile.row, tokenCommand.row, token.row, namespace.row, datasetNaming.row,
      datasetNamespace.row, caFile.row, requestsPerSecond.row,
      maximumArtifactBytes.row, runs.row, backfill.row, jobs.row, projects.row, environments.row,
    ])
}

/// The keys of an entry of `dbt_artifacts:`.
enum DbtArtifactsKeys {
  static let name = Key(
    "name", .name, required: true, example: "nightly", "Unique; the runs have the keys core/NAME/INVOCATION_ID.")
  static let path = Key(
    "path", .path, required: true, example: "/srv/dbt/target",
    "The folder with manifest.json and run_results.json: dbt's target folder, or one they are copied to.")
  static let datasetNamespace = Key(
    "dataset_namespace", .text, example: "postgres://db.example:5432",
    "Namespace of the project's datasets in OpenLineage events; default: the adapter's name, for artifacts do not say where "
      + "the warehouse is.")

  static let section = Section(path: "dbt_artifacts[]", rows: [name.row, path.row, datasetNamespace.row])
}

/// The keys of an entry of `sinks:`.
enum SinkKeys {
  /// The values of `type`.
  enum Kind: String, CaseIterable, Sendable { case openlineage, file }

  static let name = Key(
    "name", .name, required: true, example: "archive", examples: ["openlineage": "lineage"],
    "Unique; shown in status.")
  static let type = Key(
    "type", ValueType<Kind>.choice, required: true, example: "file", examples: ["openlineage": "openlineage"],
    "What kind of backend it is.")
  static let url = Key(
    "url", .url, required: true, example: "https://marquez.example/api/v1/lineage", onlyType: "openlineage",
    "Where events are POSTed, path included.")
  static let tokenFile = Key(
    "token_file", .secretPath, example: "${CREDENTIALS_DIRECTORY}/lineage_token", onlyType: "openlineage",
    "A file that holds the bearer token, where the backend asks for one.")
  static let tokenCommand = Key(
    "token_command", .command, example: "[vault, kv, get, -field=token, secret/lineage]", insteadOf: "token_file",
    onlyType: "openlineage", "A command that prints the token within 10 s: a line for the shell, or a list.")
  static let emit = Key(
    "emit", ValueType<[EmittedKind]>.list(of: .choice, name: "list"),
    default: "[dag_runs, attempts, dbt_runs, dbt_nodes]", onlyType: "openlineage",
    "What there are events for. Where Airflow runs the OpenLineage provider itself: [dbt_runs, dbt_nodes].")
  static let sql = Key(
    "sql", .bool, default: "true", onlyType: "openlineage",
    "Send the compiled SQL of dbt's nodes. It is kept in the ledger then, as text that may quote data.")
  static let gzip = Key("gzip", .bool, default: "true", onlyType: "openlineage", "Send bodies gzipped.")
  static let timeout = Key(
    "timeout", .duration(.seconds(1) ... .seconds(600)), default: "30s", onlyType: "openlineage",
    "For the whole of one request.")
  static let caFile = Key(
    "ca_file", .path, example: "/etc/ssl/certs/corporate.pem", onlyType: "openlineage",
    "Certificates to trust besides the system's, PEM.")
  static let concurrency = Key(
    "concurrency", .number(1...64), default: "4", onlyType: "openlineage",
    "Connections that send side by side. Events of one DAG run never overtake each other.")
  static let requestsPerSecond = Key(
    "requests_per_second", .rate, example: "50", onlyType: "openlineage",
    "Requests per second at most, over all connections, 0.1 to 10000; without it as many as the backend answers.")
  static let batch = Key(
    "batch", ValueType<BatchMode>.choice, default: "auto", onlyType: "openlineage",
    "Send several events in one request, to the url's path and `/batch`: on, off, or auto: if the backend has that, which is "
      + "asked once after each start.")
  static let batchMaximumEvents = Key(
    "batch_max_events", .number(1...10_000), default: "500", onlyType: "openlineage", "Events of one batch at most.")
  static let batchMaximumBytes = Key(
    "batch_max_bytes", .number(1000...100_000_000), default: "1000000", onlyType: "openlineage",
    "Bytes of one batch at most, before gzip. A larger event goes alone; a batch that is refused with 413 is halved.")
  static let maximumEventBytes = Key(
    "max_event_bytes", .number(2000...1_000_000_000), example: "300000", onlyType: "openlineage",
    "Bytes of one event at most, before gzip. A larger one is cut (docs/EVENTS.md), and marked; what still does not fit is "
      + "parked.")
  static let path = Key(
    "path", .path, required: true, example: "/var/lib/airflow-syncer/records.ndjson", onlyType: "file",
    "The file; one record a line, appended, opened anew after rotation.")
  static let results = Key(
    "results", ValueType<ResultSelection>.choice, default: "all", onlyType: "file",
    "How much of each dbt run goes into the line.")
  static let history = Key(
    "history", .bool, default: "true", "Whether what a backfill loads goes there too.")
  static let maximumOutboxBytes = Key(
    "max_outbox_bytes", .size, default: "1GB",
    "How much may wait for this sink, at 200 bytes an item and what was tried already. From 80 % on no history is loaded; at "
      + "the limit its events are made later, from what the ledger holds.")
  static let maximumOutboxAge = Key(
    "max_outbox_age", .duration(.seconds(60) ... .seconds(3650 * 86_400)), default: "7d",
    "How long the oldest item may wait before the same happens.")

  static let section = Section(
    path: "sinks[]", isList: true, variants: ["file", "openlineage"],
    rows: [
      name.row, type.row, url.row, tokenFile.row, tokenCommand.row, emit.row, sql.row, gzip.row, timeout.row,
      caFile.row, concurrency.row, requestsPerSecond.row, batch.row, batchMaximumEvents.row, batchMaximumBytes.row,
      maximumEventBytes.row, path.row, results.row, history.row, maximumOutboxBytes.row, maximumOutboxAge.row,
    ])
}

/// The keys of `record:`.
enum RecordKeys {
  static let conf = Key(
    "conf", ValueType<ConfPolicy>.choice, default: "redact",
    "A DAG run's conf: keep it, drop it, or redact what looks like a secret, which becomes `***` before it is kept.")
  static let messages = Key(
    "messages", ValueType<MessagePolicy>.choice, default: "keep",
    "The messages of dbt and dbt Cloud, which may quote data: keep, drop, or redact what looks like a secret.")
  static let sensitiveNames = Key(
    "sensitive_names", ValueType<[String]>.list(of: .text, name: "list of names"), default: "[]",
    "More names whose values are secrets, as Airflow's `[core] sensitive_var_conn_names`; a part of a name is enough.")

  static let section = Section(path: "record", rows: [conf.row, messages.row, sensitiveNames.row])
}

extension Section {
  /// Every section, in the order of the file.
  static let all = [
    TopKeys.section, AirflowKeys.section, DagKeys.section, DbtCloudKeys.section, DbtArtifactsKeys.section,
    SinkKeys.section, RecordKeys.section,
  ]
}
