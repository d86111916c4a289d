import AirflowSource
import Configuration
import Correlation
import ExecutionModel
import Glibc
import HistorySimulator
import Ledger
import Postgres
import Synchronization
import TestServers
import Testing

@testable import Engine

/// Random histories of an Airflow, committed transaction by transaction while a syncer polls and is killed and started
/// again; what its ledger says at the end is held against what was committed.
///
/// `SIMULATION_SEEDS=10000 SIMULATION_FIRST_SEED=1` runs as many by hand. A fault names seed and version; the same seed
/// writes the same history again.
@Suite struct HistorySimulationTests {
  private static let seeds =
    number("SIMULATION_SEEDS") ?? (getenv("CI") == nil ? 24 : 200)
  private static let firstSeed = number("SIMULATION_FIRST_SEED") ?? 1

  @Test func everythingThatPollsCouldSeeIsInTheLedger() async throws {
    try await expectNoFaults(.none, Self.firstSeed..<Self.firstSeed + Self.seeds)
  }

  /// Also runs that change, or vanish, when they are long finished, and ids that were taken before first contact.
  @Test func everythingThatWasCommittedIsInTheLedgerAfterASweep() async throws {
    try await expectNoFaults(.sweep, Self.firstSeed..<Self.firstSeed + Self.seeds)
  }

  /// Polls, pages of history and slices of sweeps at the same time as Airflow works: which comes first differs from run to
  /// run, what the ledger says at the end does not.
  @Test func readsSideBySideNeverBringBackWhatIsOver() async throws {
    let databases = SimulationDatabases()
    for seed in Self.firstSeed..<Self.firstSeed + max(1, Self.seeds / 3) {
      let database = try await databases.database(Simulation.version(of: seed))
      let result = try await Simulation(seed: seed, database: database, final: .sweep).runSideBySide()
      #expect(result.faults.isEmpty, "\(result.report)")
    }
    try await databases.drop()
  }

  private func expectNoFaults(_ final: Simulation.FinalPass, _ seeds: Range<UInt64>) async throws {
    let databases = SimulationDatabases()
    for seed in seeds {
      let database = try await databases.database(Simulation.version(of: seed))
      let result = try await Simulation(seed: seed, database: database, final: final).run()
      #expect(result.faults.isEmpty, "\(result.report)")
    }
    try await databases.drop()
  }

  @Test func aMissingSweepIsFoundOut() async throws {
    #expect(try await seedsUntilAFault(final: .claimed) { $0.what.contains("last shown as") } != nil)
    #expect(try await seedsUntilAFault(final: .claimed) { $0.what.hasPrefix("removed is") } != nil)
  }

  /// A judge can only be as right as what the simulator believes that it wrote.
  @Test(arguments: AirflowDatabase.versions)
  func theDatabaseIsAsTheSimulatorBelievesAndNothingIsLeftOut(_ version: String) async throws {
    let database = try await AirflowDatabase(version)
    var journal = ""
    for seed in UInt64(1)...20 {
      var options = HistorySimulator.Options()
      options.changesFinishedRuns = true
      let simulator = HistorySimulator(database, seed: seed, options: options)
      try await simulator.begin()
      while try await simulator.step() {}
      try await simulator.settle()
      #expect(try await simulator.differences() == [], "seed \(seed), Airflow \(version)")
      journal += await simulator.journal.joined(separator: "\n")
      await simulator.close()
    }
    var wanted = [
      "new, scheduled", "new, manual", "new, backfill", "_triggered", "…", "✗", "queued → running", "scheduled",
      "settled",
      "expanded to", "drops XComs", "job_run_url", "job_run_id", "return_value", "deferred", "up_for_reschedule",
      "ends: success", "ends: failure", "ends: skip", "cleared", "without reset", "marked success", "marked failed",
      "deleted", "below cleared",
    ]
    if version != "2.4.3" { wanted.append("note on") }
    if version.hasPrefix("3") { wanted.append("operator link") }
    if ["2.6.3", "2.11.2"].contains(version) { wanted.append("late write") }
    let missing = wanted.filter { !journal.contains($0) }
    #expect(missing == [], "Airflow \(version)")
    try await database.drop()
  }

  @Test func aPollThatDoesNotLookBackIsFoundOut() async throws {
    var tuning = Capture.Tuning()
    tuning.rereadWindow = 0
    #expect(try await seedsUntilAFault(with: tuning) { $0.what == "was shown and has no record" } != nil)
  }

  @Test func givingEveryXComToTheNewestAttemptIsFoundOut() async throws {
    var tuning = Capture.Tuning()
    tuning.propose = { snapshot, known in
      // As if every XCom had been written just now.
      var snapshot = snapshot
      for index in snapshot.xcoms.indices { snapshot.xcoms[index].timestamp = Instant(microseconds: .max) }
      return proposeLinks(for: snapshot, known: known.map(KnownAttempt.init))
    }
    #expect(try await seedsUntilAFault(with: tuning) { $0.what.contains("did not start dbt run") } != nil)
  }

  /// How many seeds it took until the judge found a fault of this kind; nil when it found none in 150.
  private func seedsUntilAFault(
    with tuning: Capture.Tuning = Capture.Tuning(), final: Simulation.FinalPass = .none,
    _ isExpected: (Judge.Fault) -> Bool
  ) async throws -> UInt64? {
    let databases = SimulationDatabases()
    var found: UInt64?
    for seed in UInt64(1)...150 where found == nil {
      let database = try await databases.database(Simulation.version(of: seed))
      let result = try await Simulation(seed: seed, database: database, tuning: tuning, final: final).run()
      if result.faults.contains(where: isExpected) { found = seed }
    }
    try await databases.drop()
    return found
  }

  private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}

/// One database per version, used again by one seed after the other.
private actor SimulationDatabases {
  private var databases: [String: AirflowDatabase] = [:]

  func database(_ version: String) async throws -> AirflowDatabase {
    if let database = databases[version] { return database }
    let made = try await AirflowDatabase(version)
    databases[version] = made
    return made
  }

  func drop() async throws {
    for database in databases.values { try await database.drop() }
    databases = [:]
  }
}

/// One history and the syncer that watches it.
private struct Simulation {
  let seed: UInt64
  let database: AirflowDatabase
  var tuning = Capture.Tuning()
  var final = FinalPass.none

  /// What comes after the last poll. Unless it is nothing, finished runs change as well.
  enum FinalPass {
    case none
    /// One more sweep; there may have been others before.
    case sweep
    /// The judge is told of a sweep, and there was none.
    case claimed
  }

  struct Result {
    var faults: [Judge.Fault]
    var report: String
  }

  static func version(of seed: UInt64) -> String {
    AirflowDatabase.versions[Int(seed % UInt64(AirflowDatabase.versions.count))]
  }

  func run() async throws -> Result {
    let folder = try TemporaryFolder()
    var options = HistorySimulator.Options()
    options.changesFinishedRuns = final != .none
    let simulator = HistorySimulator(database, seed: seed, options: options)
    try await simulator.begin()
    var random = SeededRandom(~seed)
    let pollProbability = [0.6, 0.25, 0.1, 0.04][random.number(0...3)]
    // What happened before the syncer was installed.
    for _ in 0..<(random.chance(0.3) ? 0 : random.number(1...60)) { if try await !simulator.step() { break } }
    // An id that was taken before first contact and is committed after it may lie in what history has passed.
    while final == .none, await simulator.hasUncommittedRuns { if try await !simulator.step() { break } }

    var syncer = try await Syncer(ledger: folder.file("ledger.db"), database, tuning)
    var failure: String?
    do {
      try await poll(syncer, simulator)
      var hasHistory = true
      while try await simulator.step() {
        if random.chance(0.03) {
          await syncer.close()
          syncer = try await Syncer(ledger: folder.file("ledger.db"), database, tuning)
        }
        if hasHistory, random.chance(0.5) {
          try await loadHistory(syncer, simulator)
          hasHistory = false
        }
        if random.chance(pollProbability) { try await poll(syncer, simulator) }
        if final == .sweep, !hasHistory, random.chance(0.03) { try await finalPass(syncer, simulator) }
      }
      try await simulator.settle()
      if hasHistory { try await loadHistory(syncer, simulator) }
      try await finalPass(syncer, simulator)
    } catch {
      failure = "\(error)"
    }
    let truth = await simulator.truth
    var faults = try Judge.faults(in: try await syncer.records(), against: truth)
    if let failure { faults.insert(Judge.Fault(run: "syncer", what: failure), at: 0) }
    await syncer.close()
    await simulator.close()
    return Result(faults: faults, report: faults.isEmpty ? "" : await report(faults, simulator))
  }

  func runSideBySide() async throws -> Result {
    let folder = try TemporaryFolder()
    var options = HistorySimulator.Options()
    options.changesFinishedRuns = true
    let simulator = HistorySimulator(database, seed: seed, options: options)
    try await simulator.begin()
    for _ in 0..<30 { if try await !simulator.step() { break } }
    let syncer = try await Syncer(ledger: folder.file("ledger.db"), database, tuning)
    await syncer.capture.limit(.page, to: 2)
    await syncer.capture.limit(.slice, to: 3)
    let end = StopSign()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        while try await simulator.step() {}
        try await simulator.settle()
        end.set(seconds: 0)
      }
      group.addTask { while !end.isSet { _ = try await syncer.capture.poll() } }
      group.addTask { while try await syncer.capture.hasHistory() { _ = try await syncer.capture.loadHistory() } }
      group.addTask { while !end.isSet { _ = try await syncer.capture.sweep() } }
      try await group.waitForAll()
    }
    // The sweep that is under way has begun too early.
    try await sweep(syncer)
    try await finalPass(syncer, simulator)
    let faults = try Judge.faults(
      in: try await syncer.records(), against: await simulator.truth, hasOtherReads: true)
    await syncer.close()
    await simulator.close()
    return Result(faults: faults, report: faults.isEmpty ? "" : await report(faults, simulator))
  }

  /// What open runs show is read by polls, the rest by sweeps.
  private func finalPass(_ syncer: Syncer, _ simulator: HistorySimulator) async throws {
    try await poll(syncer, simulator)
    if final == .none { return }
    if final == .sweep { try await sweep(syncer) }
    await simulator.noteSweep()
  }

  private func sweep(_ syncer: Syncer) async throws {
    while try await !syncer.capture.sweep().isFinished {}
  }

  private func poll(_ syncer: Syncer, _ simulator: HistorySimulator) async throws {
    _ = try await syncer.capture.poll()
    await simulator.notePoll()
  }

  private func loadHistory(_ syncer: Syncer, _ simulator: HistorySimulator) async throws {
    while try await syncer.capture.hasHistory() { _ = try await syncer.capture.loadHistory() }
    await simulator.noteHistory()
  }

  private func report(_ faults: [Judge.Fault], _ simulator: HistorySimulator) async -> String {
    let journal = await simulator.journal
    let runs = Set(faults.map(\.run))
    let lines = journal.filter { line in
      line.hasSuffix(" poll") || line.hasSuffix("deleted") || runs.contains { line.contains($0) }
    }
    return """
      seed \(seed), Airflow \(database.version)\(final == .none ? "" : ", finished runs change as well"):
      \(faults.map(\.description).joined(separator: "\n"))
      What was done (step, …: begun and committed later, ✗: rolled back):
      \(lines.joined(separator: "\n"))
      """
  }
}

/// What the daemon has of one instance, on a ledger that outlives it.
private struct Syncer {
  let ledger: Ledger
  let capture: Capture

  init(ledger path: String, _ database: AirflowDatabase, _ tuning: Capture.Tuning) async throws {
    let text = """
      airflow:
        - name: simulated
          dsn: \(database.conninfo)
          backfill: all
          look_back: 3650d
      dbt_cloud:
        - name: cloud
          account_id: 1001
          url: https://cloud.getdbt.com
          token_file: /dev/null
      """
    let configuration = try Configuration.parse(text: text, file: "simulation.yaml").configuration
    let ledger = Ledger(path: path, purpose: .syncing)
    self.ledger = ledger
    // A process that another test forks at this moment holds the ledger's lock until it executes its program.
    try await eventually("the ledger is free") { await (try? ledger.open()) != nil }
    try await ledger.register(accounts: AccountDirectory(accounts: configuration.dbtCloud.map(\.directoryEntry)))
    capture = Capture(configuration.airflow[0], ledger: ledger, tuning: tuning)
  }

  func close() async {
    await capture.close()
    await ledger.close()
  }

  /// What `runs list --json` prints.
  func records() async throws -> [String] {
    var lines: [String] = []
    for run in try await ledger.runs(RunFilter()) {
      let text = Mutex("")
      _ = try await ledger.writeRecord(run.id, RecordContext()) { bytes in
        let piece = String(decoding: copy(bytes), as: UTF8.self)
        text.withLock { $0 += piece }
      }
      lines.append(text.withLock { $0 })
    }
    return lines
  }
}

private func copy(_ bytes: borrowing [UInt8]) -> [UInt8] { bytes.map { $0 } }
