import Configuration

/// Every command with its options. The parser, the help and the completions are made from it.
public struct CommandTable: Sendable {
  public let program: String
  public let summary: String
  /// Options that every command takes, before or after its name.
  public let globalOptions: [CommandOption]
  public let commands: [CommandSpecification]
  /// The command that a group's name alone means: `runs` is `runs list`.
  let groupDefaults: [String: String]

  /// The table of `airflow-syncer`.
  public static let standard = CommandTable(
    program: "airflow-syncer",
    summary: "Links Airflow's task attempts to dbt Cloud runs and forwards combined execution records.",
    globalOptions: [.config, .logLevel, .logFormat, .help],
    commands: [
      CommandSpecification(
        "run", "Run the daemon",
        details: """
          Reads Airflow, follows dbt Cloud runs and delivers records until SIGTERM or SIGINT, then finishes what is in \
          flight within 10 seconds. Tells systemd READY, STATUS, WATCHDOG and STOPPING.
          """),
      CommandSpecification(
        "sync", "Do one full pass, then exit",
        details: """
          Loads history to its end (bounded by --since; an interrupted pass goes on where it stopped), waits for every \
          finished dbt run's artifacts, delivers all that is due and deletes what is older than `retention`.
          """,
        options: [.instance, .since]),
      CommandSpecification(
        "ingest", "Record one dbt run by hand",
        details: """
          A run of dbt Cloud (--dbt-cloud-run-id, or --dbt-cloud-job-id for the latest finished run of a job), or what dbt \
          Core has written (--dbt-artifacts, or --dbt-run-results with --dbt-manifest). It goes to the same sinks as what \
          the daemon records. Not beside a running daemon: that does the same with `runs: all` and `dbt_artifacts`.
          """,
        options: [
          .dbtCloudRunID, .dbtCloudJobID, .account, .dbtArtifacts, .dbtManifest, .dbtRunResults, .dbtCatalog,
          .dbtSources,
          .name,
        ]),
      CommandSpecification(
        "status", "Show how the syncer itself is doing",
        details: "About the syncer only: a failing dbt test never changes it. Works while the daemon is stopped.",
        options: [.json, .watch]),
      CommandSpecification(
        "runs list", "List combined records, newest first",
        options: [.instance, .dag, .state, .since, .until, .dbtRun, .limit, .json]),
      CommandSpecification(
        "runs show", "Show one record: DAG run, tasks, dbt runs, models and tests",
        options: [.json],
        arguments: [
          CommandArgument(
            "RUN",
            """
            A record's key, a unique beginning of it, DAG_ID@latest, a dbt Cloud run's id, or an address copied from \
            dbt Cloud or Airflow.
            """)
        ]),
      CommandSpecification(
        "why", "Explain a model, test, source or relation: its dbt runs, what is behind them, what failed around it",
        options: [.limit, .json],
        arguments: [
          CommandArgument(
            "NODE",
            "A unique_id of dbt, a name, a relation (database.schema.name), or a part of one that is not ambiguous.")
        ]),
      CommandSpecification(
        "checks list", "List dbt tests and source freshness, those that fail first",
        options: [.failing, .account, .dag, .limit, .json]),
      CommandSpecification(
        "checks show", "Show one check with its history",
        options: [.limit, .json],
        arguments: [
          CommandArgument("CHECK", "A check's key, unique_id or name, or a part of one that is not ambiguous.")
        ]),
      CommandSpecification(
        "deliveries list", "List what waits for a sink, is tried again or is parked",
        details: """
          An item is an event or a line of a file. Parked: the backend refuses it for good. Retrying: it was tried, and will \
          be again. Pending: not tried yet. What was discarded is listed with --state discarded.
          """,
        options: [.sink, .state, .reason, .run, .dag, .since, .until, .limit, .json]),
      CommandSpecification(
        "deliveries show", "Show one item with the backend's answer and its bytes",
        options: [.json], arguments: [CommandArgument("ITEM", "The number of an item.")]),
      CommandSpecification(
        "deliveries retry", "Send parked or delayed items again, with the same bytes",
        details: """
          Those with these numbers, or all that match the options. Works while the daemon runs, which sends them within a \
          quarter of a minute.
          """,
        options: [.sink, .state, .reason, .run, .dag, .since, .until],
        arguments: [
          CommandArgument("ITEM", required: false, repeatable: true, "The number of an item.")
        ]),
      CommandSpecification(
        "deliveries discard", "Take items out of the outbox, never to be sent",
        details: """
          Those with these numbers, or with --yes all that match the options; without --yes it is only said which. Who did \
          it, when and why stays in the ledger: `deliveries list --state discarded`.
          """,
        options: [.sink, .state, .reason, .run, .dag, .since, .until, .because, .yes],
        arguments: [
          CommandArgument("ITEM", required: false, repeatable: true, "The number of an item.")
        ]),
      CommandSpecification(
        "deliveries replay", "Send history to a sink once more, for a new or emptied backend",
        details: """
          All events of the DAG runs and dbt runs that had not ended before --since and started before --until, made again \
          from the ledger with the same run ids. They go when nothing newer is due.
          """,
        options: [.sink, .since, .until, .dag]),
      CommandSpecification(
        "validate", "Check the configuration and everything it names",
        details: """
          The file first; then database rights and schema, the dbt Cloud token, the sinks and the ledger. Nothing is \
          written.
          """,
        options: [.offline, .printGrants]),
      CommandSpecification(
        "purge", "Remove from the ledger what was kept of DAGs, or before a time",
        details: """
          Records with their conf, attempts, links, dbt runs and results. Without --yes it only says what that is. Runs that \
          Airflow is not done with stay, and those of which something waits for a sink or was refused (unless --pending). What \
          is still in Airflow is not read again unless Airflow opens it again; `dags: { exclude: [...] }` keeps new runs of a \
          DAG from being read. Works beside the daemon.
          """,
        options: [.dag, .before, .instance, .pending, .dryRun, .yes]),
      CommandSpecification(
        "migrate", "Bring the ledger to this program's version",
        details: "`run` and `sync` do the same when they start. A ledger of a newer program is refused."),
      CommandSpecification("config example", "Print a configuration file with every key explained"),
      CommandSpecification(
        "completion", "Print a shell's completion script",
        details: """
          bash: airflow-syncer completion bash > /etc/bash_completion.d/airflow-syncer. zsh: to a file _airflow-syncer \
          in $fpath. fish: to ~/.config/fish/completions/airflow-syncer.fish.
          """,
        arguments: [CommandArgument("SHELL", choices: Shell.allCases.map(\.rawValue), "bash, zsh or fish.")]),
      CommandSpecification("version", "Print the version"),
      CommandSpecification(
        "help", "Explain a command",
        arguments: [CommandArgument("COMMAND", required: false, repeatable: true, "The command to explain.")]),
    ],
    groupDefaults: ["runs": "list", "checks": "list", "deliveries": "list"])

  /// The command with exactly this path.
  public func command(_ path: [String]) -> CommandSpecification? { commands.first { $0.path == path } }

  /// The options of a command, its own before those of all commands.
  func options(of command: CommandSpecification?) -> [CommandOption] { (command?.options ?? []) + globalOptions }

  /// The first words of all commands, each once.
  var firstWords: [String] { commands.map { $0.path[0] }.uniqued() }

  /// The second words of a group's commands; empty when `word` is no group.
  func secondWords(of word: String) -> [String] {
    commands.filter { $0.path.count == 2 && $0.path[0] == word }.map { $0.path[1] }
  }
}

extension CommandOption {
  public static let config = CommandOption(
    "--config", short: "c", .file, "FILE", environment: "AIRFLOW_SYNCER_CONFIG", default: Configuration.defaultPath,
    "The configuration file.")
  public static let logLevel = CommandOption(
    "--log-level", .choice(["debug", "info", "notice", "warning", "error"]), "LEVEL",
    environment: "AIRFLOW_SYNCER_LOG_LEVEL", default: "info", "What is logged: this and worse.")
  public static let logFormat = CommandOption(
    "--log-format", .choice(["text", "json"]), "FORMAT", environment: "AIRFLOW_SYNCER_LOG_FORMAT", default: "text",
    "How log lines are written.")
  public static let help = CommandOption("--help", short: "h", "Explain the command.")
  public static let instance = CommandOption(
    "--instance", short: "i", .text, "NAME", repeatable: true, "Only this Airflow instance; may be repeated.")
  public static let dag = CommandOption(
    "--dag", short: "d", .text, "DAG_ID", repeatable: true, "Only this DAG; * and ? stand for others; may be repeated.")
  public static let state = CommandOption(
    "--state", short: "s", .text, "STATE", repeatable: true,
    "Only DAG runs in this state (success, failed, running, queued); deliveries: parked, retrying, pending or discarded; "
      + "may be repeated.")
  public static let since = CommandOption("--since", .time, "TIME", "Only what is not older: a time, or 2h, 3d (ago).")
  public static let until = CommandOption("--until", .time, "TIME", "Only what is older: a time, or 2h, 3d (ago).")
  public static let before = CommandOption(
    "--before", .time, "TIME", "Only what ended before: a time, or 2h, 90d (ago).")
  public static let pending = CommandOption(
    "--pending", "Also give up deliveries that wait or were refused; says how many.")
  public static let dryRun = CommandOption("--dry-run", "Only say what would be removed.")
  public static let dbtRun = CommandOption("--dbt-run", .text, "ID", "Only records with this dbt Cloud run.")
  public static let dbtCloudRunID = CommandOption("--dbt-cloud-run-id", .count, "ID", "A finished run of dbt Cloud.")
  public static let dbtCloudJobID = CommandOption(
    "--dbt-cloud-job-id", .count, "ID", "The latest finished run of this job of dbt Cloud.")
  public static let dbtArtifacts = CommandOption(
    "--dbt-artifacts", .file, "DIR", "A folder with run_results.json or sources.json, and manifest.json, catalog.json.")
  public static let dbtManifest = CommandOption("--dbt-manifest", .file, "FILE", "A manifest.json.")
  public static let dbtRunResults = CommandOption("--dbt-run-results", .file, "FILE", "A run_results.json.")
  public static let dbtCatalog = CommandOption("--dbt-catalog", .file, "FILE", "A catalog.json.")
  public static let dbtSources = CommandOption("--dbt-sources", .file, "FILE", "A sources.json.")
  public static let name = CommandOption(
    "--name", .text, "NAME", "Whose runs they are: part of the key core/NAME/INVOCATION_ID; default: the dbt project.")
  public static let limit = CommandOption(
    "--limit", short: "n", .count, "N", "At most so many; default 20 (why: 5), and all of a list with --json.")
  public static let failing = CommandOption("--failing", short: "f", "Only those that failed or could not be done.")
  public static let account = CommandOption(
    "--account", short: "a", .text, "NAME", repeatable: true,
    "Only this dbt Cloud account; checks: or dbt Core runs of this name, may be repeated.")
  public static let json = CommandOption("--json", "Print JSON, for programs.")
  public static let watch = CommandOption("--watch", short: "w", "Show it again and again until interrupted.")
  public static let sink = CommandOption(
    "--sink", .text, "NAME", repeatable: true, "Only this sink; may be repeated (replay: exactly one).")
  public static let reason = CommandOption(
    "--reason", .text, "TEXT", "Only items with this text in the reason why they are parked.")
  public static let run = CommandOption(
    "--run", .text, "RUN", "Only items of this record, named as in `runs show`.")
  public static let because = CommandOption("--because", .text, "TEXT", "Why, to be kept with the trace.")
  public static let yes = CommandOption("--yes", short: "y", "Do it, for all that match the options.")
  public static let offline = CommandOption("--offline", "Check the file only, connect to nothing.")
  public static let printGrants = CommandOption(
    "--print-grants", "Print the GRANT statements for the database role, for an administrator to run.")
}

extension Array where Element: Hashable {
  func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
