import Configuration
import ExecutionModel
import Testing

@testable import CommandLine

struct OptionParserTests {
  private let table = CommandTable.standard

  private func parse(_ line: String, _ environment: [String: String] = [:]) throws -> ParsedCommand {
    let words = line.split(separator: " ").map(String.init)
    guard case .command(let command) = try table.parse(words, environment: { environment[$0] }) else {
      throw UsageError(message: "help", path: [], program: "")
    }
    return command
  }

  private func error(_ line: String, _ environment: [String: String] = [:]) -> String {
    do {
      return "accepted: \(try parse(line, environment))"
    } catch { return (error as? UsageError)?.message ?? "\(error)" }
  }

  @Test(arguments: [
    "run", "sync", "status", "validate", "migrate", "version", "config example", "runs list", "runs show x",
    "completion bash",
  ])
  func everyCommandIsKnown(_ line: String) throws {
    let name = try parse(line).name
    #expect(line.hasPrefix(name) && table.command(name.split(separator: " ").map(String.init)) != nil)
  }

  @Test func everyCommandOfTheTableIsReached() throws {
    for command in table.commands where command.path != ["help"] {
      let words = command.path + command.arguments.map { $0.choices?[0] ?? "word" }
      guard case .command(let parsed) = try table.parse(words) else {
        Issue.record("\(command.name)")
        continue
      }
      #expect(parsed.path == command.path && parsed.arguments == Array(words.dropFirst(command.path.count)))
    }
  }

  @Test(arguments: [
    "runs list --since 2h --limit 5 --dag a --dag b --json --config /c.yaml",
    "--config /c.yaml runs list --since=2h --limit=5 --dag=a --dag=b --json",
    "runs -c /c.yaml --json list -n5 -d a -db --since 2h", "runs --since 2h -n 5 -d=a -d b --json -c=/c.yaml",
    "-c/c.yaml runs --json -n 5 --dag a --since 2h list --dag b",
  ])
  func optionsMayStandAnywhereInEveryForm(_ line: String) throws {
    let command = try parse(line)
    #expect(command.path == ["runs", "list"] && command.arguments == [])
    #expect(command.texts(.dag) == ["a", "b"] && command.count(.limit) == 5 && command.flag(.json))
    #expect(command.time(.since) == .ago(.seconds(7200)) && command.configurationPath == "/c.yaml")
    #expect(command.time(.until) == nil && command.text(.dbtRun) == nil && command.isGiven(.limit))
  }

  @Test func theCommandLineWinsOverTheEnvironmentWinsOverTheDefault() throws {
    let environment = ["AIRFLOW_SYNCER_CONFIG": "/env.yaml", "AIRFLOW_SYNCER_LOG_LEVEL": ""]
    #expect(try parse("run --config /given.yaml", environment).configurationPath == "/given.yaml")
    let fromEnvironment = try parse("run", environment)
    #expect(fromEnvironment.configurationPath == "/env.yaml" && !fromEnvironment.isGiven(.config))
    #expect(fromEnvironment.text(.logLevel) == "info")
    #expect(try parse("run").configurationPath == "/etc/airflow-syncer/syncer.yaml")
  }

  @Test func afterTwoDashesAllAreArguments() throws {
    #expect(try parse("runs show -- --json").arguments == ["--json"])
    #expect(try parse("runs show --json -- -x").arguments == ["-x"])
    #expect(try parse("runs show list").arguments == ["list"])
    #expect(try parse("runs show runs").arguments == ["runs"])
    #expect(try parse("runs show -").arguments == ["-"])
  }

  @Test func flagsMayBeGrouped() throws {
    #expect(try parse("status -w --json").flag(.watch))
    #expect(try table.parse(["status", "-wh"]) == .help(path: ["status"]))
  }

  @Test(
    arguments: [
      ([], []), (["--help"], []), (["-h"], []), (["help"], []), (["run", "-h"], ["run"]),
      (["--help", "sync"], ["sync"]),
      (["help", "runs", "show"], ["runs", "show"]), (["help", "runs"], ["runs"]),
      (["runs", "--help"], ["runs"]), (["runs", "list", "--help"], ["runs", "list"]),
      (["config", "--help"], ["config"]), (["runs", "show", "--help"], ["runs", "show"]),
      (["help", "config"], ["config"]),
    ] as [([String], [String])])
  func helpIsGivenWhereItIsAskedFor(_ words: [String], _ path: [String]) throws {
    #expect(try table.parse(words) == .help(path: path))
    #expect(table.help(path).contains("Usage: airflow-syncer \(path.joined(separator: " "))"))
  }

  @Test func theVersionIsAlsoAnOption() throws {
    #expect(try parse("--version").path == ["version"])
  }

  @Test(arguments: [
    ("rnu", "unknown command `rnu`; did you mean run?"),
    ("runs lsit", "unknown command `runs lsit`; did you mean list?; expected runs list or runs show"),
    ("zzz", "unknown command `zzz`"),
    ("config", "expected config example"),
    ("help zzz", "unknown command `zzz`"),
    ("help rns", "unknown command `rns`; did you mean runs?"),
    ("run --confg x", "unknown option `--confg` of `run`; did you mean --config?"),
    (
      "run --since 2h",
      """
      unknown option `--since` of `run`; it belongs to sync, runs list, deliveries list, \
      deliveries retry, deliveries discard, deliveries replay
      """
    ),
    ("run -x", "unknown option `-x` of `run`"),
    ("run --zzz", "unknown option `--zzz` of `run`"),
    ("--zzz", "unknown option `--zzz`"),
    (
      "--json",
      """
      unknown option `--json`; it belongs to status, runs list, runs show, why, checks list, checks show, \
      deliveries list, deliveries show
      """
    ),
    (
      "--log-level debug",
      """
      expected a command: run, sync, ingest, status, runs, why, checks, deliveries, validate, purge, \
      migrate, config, completion, version, help
      """
    ),
    ("run --config", "--config: expected FILE after it, found nothing"),
    ("run --config --", "--config: expected FILE after it, found nothing"),
    ("run --config=", "--config: expected FILE, found nothing"),
    ("run --config a --config b", "--config may be given only once"),
    ("status --json=yes", "--json takes no value"),
    ("run --log-level loud", "--log-level: expected debug, info, notice, warning, error, found `loud`"),
    (
      "run --log-level warn",
      "--log-level: expected debug, info, notice, warning, error, found `warn`; did you mean warning?"
    ),
    ("runs --limit 0", "--limit: expected a whole number from 1, found `0`"),
    ("runs --limit -5", "--limit: expected a whole number from 1, found `-5`"),
    ("runs --limit 99999999999999999999", "--limit: expected a whole number from 1, found `99999999999999999999`"),
    (
      "runs --since yesterday",
      "--since: expected a time such as 2026-11-20, 2026-11-20T07:00:00Z, or 2h, 3d (ago), found `yesterday`"
    ),
    ("runs show", "expected RUN after `runs show`, found nothing"),
    ("runs show a b", "`runs show` does not take `b`"),
    ("run now", "`run` does not take `now`"),
    ("completion csh", "SHELL: expected bash, zsh, fish, found `csh`; did you mean zsh?"),
    ("run --conf\u{1B}[2J", "unknown option `--conf\\u{1b}[2J` of `run`"),
  ])
  func aWrongLineIsExplained(_ line: String, _ message: String) {
    #expect(error(line) == message)
  }

  @Test func aWrongEnvironmentIsNamed() {
    #expect(
      error("run", ["AIRFLOW_SYNCER_LOG_FORMAT": "xml"])
        == "AIRFLOW_SYNCER_LOG_FORMAT (environment): expected text, json, found `xml`")
  }

  @Test func anErrorSaysWhereToReadMore() {
    #expect {
      try table.parse(["runs", "show"])
    } throws: {
      "\($0)" == """
        airflow-syncer: expected RUN after `runs show`, found nothing
        Try: airflow-syncer runs show --help
        """
    }
  }

  /// Whatever is typed, there is an answer.
  @Test func anyWordsGiveAnAnswer() {
    let seed = UInt64.random(in: .min ... .max)
    var state = seed
    func next(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let pieces =
      table.commands.flatMap(\.path) + table.options(of: nil).map(\.name)
      + table.commands.flatMap { $0.options.map(\.name) } + [
        "--", "-", "", "=", "--=", "-n", "-n5", "5", "2h", "é\u{0}",
      ]
    for _ in 0..<20_000 {
      let words = (0..<next(7)).map { _ in pieces[next(pieces.count)] + (next(9) == 0 ? "=x" : "") }
      do throws(UsageError) {
        if case .command(let command) = try table.parse(words) {
          #expect(table.command(command.path) != nil, "seed \(seed): \(words)")
        }
      } catch {
        #expect(!error.message.isEmpty, "seed \(seed): \(words)")
      }
    }
  }
}
