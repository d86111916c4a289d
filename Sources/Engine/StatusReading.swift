import Configuration
import Ledger

/// What `status` shows of a ledger, read in one go by whoever may: the daemon, or the command itself.
public struct StatusReading: Sendable {
  /// How far all runs of an account have been recorded (`dbt_cloud[].runs: all`).
  public struct Loading: Sendable {
    /// Runs that were listed.
    public var known: Int
    /// Of those the ones of which everything was read.
    public var complete: Int
    /// Whether history was listed to its end.
    public var isListed: Bool
  }

  /// A reading, or why there is none.
  public enum Outcome: Sendable {
    case read(StatusReading)
    case failed(String)
  }

  public var status: LedgerStatus
  /// By the account's name.
  public var loading: [String: Loading] = [:]
  /// `airflow[].poll_interval` in seconds, by instance.
  public var pollIntervals: [String: Double]

  /// - Throws: `LedgerError`
  public init(_ ledger: Ledger, _ configuration: Configuration) async throws {
    status = try await ledger.status()
    status.compare(
      airflow: Set(configuration.airflow.map(\.name)), accounts: Set(configuration.dbtCloud.map(\.name)),
      folders: Set(configuration.dbtArtifacts.map(\.name)), sinks: Set(configuration.sinks.map(\.name)))
    pollIntervals = Dictionary(configuration.airflow.map { ($0.name, $0.pollInterval.totalSeconds) }) { first, _ in
      first
    }
    for account in configuration.dbtCloud.filter({ $0.runs == .all }).map(\.directoryEntry) {
      let (known, complete) = try await ledger.wantedRuns(of: account.name)
      let isListed = try await ledger.listedRuns(of: account).isBackfillDone
      loading[account.name] = Loading(known: known, complete: complete, isListed: isListed)
    }
  }
}
