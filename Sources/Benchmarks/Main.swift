import Glibc
import Platform

/// Measures parts of the program by themselves; `scripts/bench` puts the numbers together.
@main enum Main {
  static let help = """
    Usage: Benchmarks apply [--keep] [--sinks none|file|events|both] [RUNS]
        Keeps a made-up history of RUNS (20,000) DAG runs of 50 task instances in a new ledger in the temporary folder.
        --keep leaves the ledger there.
    Usage: Benchmarks read [--task-instances-only] CONNINFO
        Pages through the whole history of an Airflow database exactly as the daemon does, and drops what it read.
        --task-instances-only leaves out XComs and rendered fields: the rows that `psql \\copy` of task_instance
        joined with dag_run gives, earlier tries besides.
    Usage: Benchmarks poll CONNINFO
        Polls an Airflow database in which nothing changes, as the daemon does, and says what one poll takes.
    Usage: Benchmarks artifacts FOLDER
        Reads run_results.json, manifest.json and catalog.json of the folder as the daemon does, and the manifest with
        simdjson's own reader beside it.
    Usage: Benchmarks results [MODELS [RUNS]]
        Keeps a made-up dbt run of MODELS (20,000) models with 25 columns and their tests in a new ledger, three times, then
        RUNS (1,000) runs of 300 models and 300 tests, and asks for nodes and checks.
    Usage: Benchmarks backend [--no-batch]
        Takes OpenLineage events on 127.0.0.1 and counts them until its standard input ends.
    Usage: Benchmarks deliver [--single] [--plain] [--concurrency N] [--ledger CONNINFO] URL [EVENTS]
        Sends EVENTS (1,000,000) events of a made-up history to such a backend, in batches or one by one, gzipped or plain.

    """

  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      switch arguments.first {
      case "apply": try await ApplyBenchmark(Array(arguments.dropFirst())).run()
      case "read": try await ReadBenchmark(Array(arguments.dropFirst())).run()
      case "poll": try await PollBenchmark(Array(arguments.dropFirst())).run()
      case "artifacts": try ArtifactsBenchmark(Array(arguments.dropFirst())).run()
      case "results": try await ResultsBenchmark(Array(arguments.dropFirst())).run()
      case "backend": try BackendBenchmark(Array(arguments.dropFirst())).run()
      case "deliver": try await DeliverBenchmark(Array(arguments.dropFirst())).run()
      case "--help", "help": try StandardOutput.write(help)
      default: throw WrongUsage()
      }
    } catch is WrongUsage {
      StandardOutput.writeError(help)
      exit(64)
    } catch {
      StandardOutput.writeError("Benchmarks: \(error)\n")
      exit(1)
    }
  }
}

/// The arguments make no sense.
struct WrongUsage: Error {}
