import Configuration
import ExecutionModel
import Glibc
import Ledger
import Platform

/// Watches a folder that some dbt writes its artifacts to, and records each finished invocation once.
actor ArtifactFolderWatch {
  /// What a look did.
  struct Outcome: Hashable, Sendable {
    /// Runs that are new.
    var runs = 0
    var problems: [String] = []
  }

  /// `dbt_artifacts[].name`
  nonisolated let name: String
  private let path: String
  private let files: ArtifactFiles
  private let ledger: Ledger
  private let reader: CoreRunReader
  private let clock: @Sendable () -> Int64
  private var patience = FolderPatience()
  /// What was wrong with the files that were read last.
  private var problem: String?
  /// What `status` was told last, and when.
  private var told: (error: String?, at: Int64)?

  /// Seconds between two looks.
  static let interval = 2.0
  /// Microseconds between two words about looks that found nothing.
  private static let tellingInterval: Int64 = 60_000_000

  init(
    _ configuration: DbtArtifactsConfiguration, ledger: Ledger, reader: CoreRunReader,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds
  ) {
    self.clock = clock
    name = configuration.name
    path = configuration.path
    files = ArtifactFiles(folder: configuration.path)
    self.ledger = ledger
    self.reader = reader
  }

  /// Looks whether the files have changed, and reads them when dbt seems to be done with them.
  /// - Throws: `LedgerError`, `CancellationError`
  func look() async throws -> Outcome {
    switch patience.look(files.stamps) {
    case .wait:
      try await tell(runs: 0)
      return Outcome()
    case .read(let isFinal): return try await read(isFinal: isFinal)
    }
  }

  /// Reads what is there, whether or not it is finished.
  func take() async throws -> Outcome { try await read(isFinal: true) }

  private func read(isFinal: Bool) async throws -> Outcome {
    try await ledger.requireRoom()
    let ledger = ledger
    let found = try await reader.read(files, name: name, isFinal: isFinal) { try await ledger.keep($0) }
    var outcome = Outcome(problems: found.problems)
    for run in found.runs where try await !ledger.isComplete(core: run) {
      // What was deleted is not recorded again because its files are still there.
      guard await !ledger.isForgotten(run.finishedAt) else { continue }
      try await ledger.keepComplete(core: run, nodes: found.kept)
      outcome.runs += 1
      if let lack = found.lacks[run.key] { outcome.problems.append(lack) }
    }
    patience.noteRead(isDone: isFinal || !found.isUnfinished)
    problem = outcome.problems.first
    try await tell(runs: outcome.runs)
    return outcome
  }

  /// Keeps for `status` how it stands: what is new at once, that it was looked at now and then.
  private func tell(runs: Int) async throws {
    let error = access(path, R_OK | X_OK) == 0 ? problem : "\(path) cannot be read: \(String(cString: strerror(errno)))"
    let now = clock()
    let isDue = told.map { $0.error != error || abs(now &- $0.at) >= Self.tellingInterval } ?? true
    guard runs > 0 || isDue else { return }
    try await ledger.note(folder: name, path: path, runs: runs, error: error)
    told = (error, now)
  }
}

/// When files that another program writes are read. Pure: the looks come at even intervals.
struct FolderPatience {
  enum Verdict: Equatable {
    case wait
    /// - isFinal: nothing more is to be expected of these files.
    case read(isFinal: Bool)
  }

  private var last: [String: FileStamp] = [:]
  private var done: [String: FileStamp] = [:]
  /// Looks since the files changed.
  private var looks = 0
  /// Whether they were read as they are, and something was still missing.
  private var isRead = false

  /// Looks after which files that do not belong together are taken as they are: a minute.
  static let looksAtMost = 30

  /// - Parameter now: the files as they are.
  mutating func look(_ now: [String: FileStamp]) -> Verdict {
    guard now != done, !now.isEmpty else {
      last = now
      looks = 0
      return .wait
    }
    if now != last { (looks, isRead) = (-1, false) }
    looks += 1
    last = now
    guard looks > 0 else { return .wait }
    guard looks < Self.looksAtMost else { return .read(isFinal: true) }
    // Large files are not read again and again while they stay as they are.
    return isRead ? .wait : .read(isFinal: false)
  }

  /// The files of the last look were read. What is never noted, because something broke off, is read again.
  /// - Parameter isDone: nothing is missing, or nothing more is waited for.
  mutating func noteRead(isDone: Bool) {
    if isDone { done = last }
    isRead = true
  }
}
