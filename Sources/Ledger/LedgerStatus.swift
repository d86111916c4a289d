import ExecutionModel

/// The state of a syncer as its ledger tells it, whether or not it runs.
public struct LedgerStatus: Sendable {
  /// The syncer that works on the ledger, or did last.
  public struct Syncer: Sendable {
    /// `run` or `sync`
    public var mode: String
    public var version: String
    public var startedAt: Instant
    public var stoppedAt: Instant?
    /// Whether it runs now.
    public var isRunning: Bool
    /// Why the configuration was not taken up when it was loaded anew last, and when.
    public var reloadError: String?
    public var reloadFailedAt: Instant?
  }

  /// One of the syncers that share a ledger in Postgres.
  public struct Member: Sendable {
    public var host: String
    public var pid: Int64
    /// `run`, `sync` or `ingest`
    public var mode: String
    public var version: String
    public var startedAt: Instant
    /// When it looked after its leases last, by the database's clock.
    public var seenAt: Instant
    /// Whether it did so lately.
    public var isAlive: Bool
    /// The parts that it works as; none for one that stands by.
    public var leads: [PartName]
  }

  public struct Airflow: Sendable {
    public var name: String
    /// Whether the configuration names it; what the ledger has of one that is gone stays there.
    public var isConfigured = true
    public var airflowVersion: String?
    public var alembicVersion: String?
    public var isConnected: Bool
    public var cursor: Int64
    public var openRuns: Int
    public var runs: Int
    public var role: String?
    public var replayLag: Int64?
    public var lastPollAt: Instant?
    public var pollMilliseconds: Double?
    public var isBackfillDone: Bool
    public var backfillRuns: Int
    public var backfillTotal: Int?
    /// Runs of history a second, lately.
    public var backfillRate: Double?
    /// The last sweep that came to its end.
    public var sweep: SweepSummary?
    /// Why the present sweep does not get on.
    public var sweepError: String?
    public var error: String?
    public var errorSince: Instant?

    /// How long history will still take at this rate; nil when that cannot be told.
    public var backfillSecondsLeft: Double? {
      guard !isBackfillDone, let total = backfillTotal, let rate = backfillRate, rate > 0 else { return nil }
      return Double(max(0, total - backfillRuns)) / rate
    }
  }

  public struct DbtAccount: Sendable {
    public var name: String
    /// Whether the configuration names it; what the ledger has of one that is gone stays there.
    public var isConfigured = true
    public var accountID: Int64
    /// Runs that are to be asked for, or asked for again.
    public var waiting: Int
    public var lastCallAt: Instant?
    public var callsPerMinute: Int?
    public var coolingDownUntil: Instant?
    public var error: String?
    public var errorSince: Instant?
  }

  /// A folder of `dbt_artifacts`.
  public struct Folder: Sendable {
    public var name: String
    /// Whether the configuration names it; what the ledger has of one that is gone stays there.
    public var isConfigured = true
    public var path: String
    /// When it was looked at last, to a minute.
    public var lookedAt: Instant
    /// Invocations that were recorded, and when the last of them was.
    public var runs: Int64
    public var recordedAt: Instant?
    /// What keeps something there from being recorded, or recorded whole.
    public var error: String?
    public var errorSince: Instant?
  }

  /// What is put off because the ledger, or the outbox of a sink, is (nearly) full.
  public struct Fullness: Sendable {
    public var level: RoomLevel
    /// Since when; nil while nothing is put off.
    public var since: Instant?
    public var bytes: Int64
    /// The limits that are configured.
    public var bytesAtMost: Int64?
    public var secondsAtMost: Int64?
  }

  /// Something is put off from now on, or no longer.
  public struct RoomChange: Hashable, Sendable {
    /// nil: by the ledger as a whole.
    public var sink: String?
    public var level: RoomLevel
    public var bytes: Int64

    public init(sink: String?, level: RoomLevel, bytes: Int64) {
      self.sink = sink
      self.level = level
      self.bytes = bytes
    }

    /// What that means, and what to do.
    public var text: String {
      let whose = sink.map { "the outbox of sink `\($0)`" } ?? "the ledger"
      return switch level {
      case .free: "\(whose) has room again"
      case .historyPaused: "\(whose) is at 80 % of its limit: history is loaded when there is room again"
      case .eventsHeld:
        sink == nil
          ? "\(whose) is at 90 % of its limit: events are made later, from what it holds"
          : "\(whose) is at its limit: events for it are made later, from what the ledger holds; see why it does not take them"
      case .readingStopped: "\(whose) is at its limit: nothing is read until there is room again"
      }
    }
  }

  /// How long delivered history is kept.
  public struct Retention: Sendable {
    /// Seconds; nil: for good.
    public var kept: Int64?
    /// When all that is old enough was last looked through.
    public var lastAt: Instant?
    /// Runs deleted since the ledger was made.
    public var runs: Int64
    /// Why nothing is deleted at the moment.
    public var error: String?
  }

  public struct Sink: Sendable {
    public var name: String
    /// Whether the configuration names it; what the ledger has of one that is gone stays there.
    public var isConfigured = true
    public var type: String
    public var delivered: Int64
    public var pending: Int
    public var oldestPendingAt: Instant?
    public var parked: Int
    public var firstParkedAt: Instant?
    public var newestReason: String?
    public var lastDeliveryAt: Instant?
    public var error: String?
    public var errorSince: Instant?
    /// nil before it was measured.
    public var fullness: Fullness?
  }

  /// Links made in the last 24 hours, by confidence.
  public struct Links: Sendable {
    public var exact = 0
    public var strong = 0
    public var inferred = 0
    public var ambiguous = 0
    public var unresolved = 0
    /// Attempts of tasks that start dbt runs, of DAG runs in that time, for which no link is known.
    public var withoutLink = 0
  }

  public var syncer: Syncer?
  /// Of a ledger in Postgres; empty for a file.
  public var members: [Member] = []
  public var airflow: [Airflow]
  public var accounts: [DbtAccount]
  public var folders: [Folder] = []
  public var sinks: [Sink]
  public var links: Links
  public var path: String
  /// Whether it is a file; else it is in Postgres.
  public var isFile = true
  /// Bytes of the ledger's file and its write-ahead log.
  public var bytes: Int64
  /// nil before it was measured.
  public var fullness: Fullness?
  public var retention: Retention?
  public var schemaVersion: Int
}
