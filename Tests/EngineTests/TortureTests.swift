import FoundationEssentials
import Glibc
import JSONText
import Platform
import Synchronization
import TestServers
import Testing

/// A syncer that is killed at any moment, again and again, ends where an undisturbed one does, whatever its ledger is
/// kept in.
///
/// `scripts/torture` kills a thousand times. `TORTURE_KILLS` says how often, `TORTURE_SEED` which moments.
@Suite struct TortureTests {
  private static let kills = number("TORTURE_KILLS") ?? (getenv("CI") == nil ? 12 : 24)
  private static let seed =
    getenv("TORTURE_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 0...UInt64.max)

  /// One world for each; a fault in one does not hide behind the other.
  @Test(arguments: ["file", "postgres"])
  func whatIsKilledLosesNothing(_ driver: String) async throws {
    var torture = Torture(seed: Self.seed, driver: driver)
    try await torture.run(kills: Self.kills / 2)
    if let report = getenv("TORTURE_REPORT") {
      let path = "\(String(cString: report)).\(driver)"
      try #require(FileManager.default.createFile(atPath: path, contents: Data(torture.summary.utf8)))
    }
    // A point that is never passed proves nothing.
    if Self.kills >= 200 {
      #expect(Failpoint.allCases.allSatisfy { torture.killsAt[$0.rawValue] ?? 0 > 0 }, "\(torture.summary)")
    }
    #expect(torture.killed > 0)
  }

  private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
}

/// Kills syncers at named points and at random times, and compares what they leave with what an undisturbed one does.
private struct Torture {
  private let driver: String
  private let seed: UInt64
  private var random: SeededGenerator
  private var calm: [String: Outcome] = [:]
  private(set) var killed = 0
  private(set) var worlds = 0
  private(set) var duplicates = 0
  /// By failpoint, and `time`.
  private(set) var killsAt: [String: Int] = [:]

  init(seed: UInt64, driver: String) {
    (self.seed, self.driver) = (seed, driver)
    random = SeededGenerator(seed)
  }

  var summary: String {
    let points = killsAt.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return
      "ledger in \(driver): \(killed) kills (\(points)) in \(worlds) worlds, \(duplicates) duplicates, seed \(seed)\n"
  }

  /// What must be the same however often a syncer was killed.
  private struct Outcome {
    var events: Set<String>
    var records: Set<String>
    var archived: Set<String>
    var seconds: Double
  }

  mutating func run(kills: Int) async throws {
    while killed < kills {
      let version = AirflowFixtures.versions[worlds % AirflowFixtures.versions.count]
      worlds += 1
      try await world(version, kills: min(kills - killed, 12))
    }
  }

  /// Kills one syncer after the other on one ledger, lets the last one finish, and looks at what it leaves.
  private mutating func world(_ version: String, kills: Int) async throws {
    let expected = try await undisturbed(version)
    let lab = try await lab(version)
    var moments: [String] = []
    for _ in 0..<kills {
      let (moment, wasKilled) = try await kill(lab, expected.seconds)
      try await Self.endLeases(of: lab)
      moments.append(moment)
      if wasKilled {
        killed += 1
        killsAt[String(moment.prefix { $0 != ":" }), default: 0] += 1
      } else if moments.count > 3 {
        // Little is left to be done.
        break
      }
    }
    try await lab.sync()
    let comment = Comment(rawValue: "Airflow \(version), ledger in \(driver), seed \(seed), killed at \(moments)")
    let found = try await outcome(of: lab)
    expectEqual(found.events, expected.events, comment)
    // All but the revision, which counts how often a record changed on its way.
    expectEqual(found.records, expected.records, comment)
    expectEqual(found.archived, expected.archived, comment)
    // The file sink's last line of a record is the record.
    #expect(try await lab.lastArchived(withRevision: true).isSubset(of: try await lab.records()), comment)
    duplicates += try expectOrder(lab.backend.bodies, comment)
  }

  /// What was killed has its leases for some seconds more: those go by at once.
  private static func endLeases(of lab: Lab) async throws {
    guard let state = lab.ledgerDatabase else { return }
    let isMade = try await lab.server.execute("SELECT to_regclass('airflow_syncer.lease') IS NOT NULL", database: state)
    guard isMade == "t" else { return }
    try await lab.server.execute("UPDATE airflow_syncer.lease SET expires_at = 0", database: state)
  }

  /// Starts a syncer that kills itself at a point, or is killed at a random time.
  private mutating func kill(_ lab: Lab, _ whole: Double) async throws -> (moment: String, wasKilled: Bool) {
    let command = Bool.random(using: &random) ? "sync" : "run"
    if Int.random(in: 0..<4, using: &random) == 0 {
      let moment = Double.random(in: 0...whole, using: &random)
      let syncer = try lab.start([command])
      try await Task.sleep(for: .seconds(moment))
      syncer.signal(SIGKILL)
      let output = try await syncer.finish(within: 30)
      return ("time:\(command) \(moment)", output.status == 128 + SIGKILL)
    }
    let point = Failpoint.allCases.randomElement(using: &random) ?? .commit
    let pass = Int(exp2(Double.random(in: 0..<Self.doublings(of: point), using: &random)))
    let wish = "\(point.rawValue):\(pass)"
    let syncer = try lab.start(["sync"], environment: ["AIRFLOW_SYNCER_FAILPOINT": wish])
    let output = try await syncer.finish(within: 120)
    guard output.status == 128 + SIGKILL else {
      #expect(output.status == 0, "\(wish): \(output.errorText)")
      return (wish, false)
    }
    return (wish, true)
  }

  /// A pass sends hundreds of events, but reads and acknowledges a few times.
  private static func doublings(of point: Failpoint) -> Double {
    switch point {
    case .read, .correlate, .acknowledge: 2
    case .fetch: 3
    case .commit, .committed: 5
    case .send, .answer: 8
    }
  }

  private mutating func undisturbed(_ version: String) async throws -> Outcome {
    if let known = calm[version] { return known }
    let lab = try await Lab(database: try await AirflowFixtures.dump(version), truth: version)
    let begin = monotonicSeconds()
    try await lab.sync()
    let seconds = monotonicSeconds() - begin
    var made = try await outcome(of: lab)
    made.seconds = seconds
    calm[version] = made
    return made
  }

  private func outcome(of lab: Lab) async throws -> Outcome {
    Outcome(
      events: lab.backend.distinct, records: try await lab.recordsWithoutRevision(),
      archived: try await lab.lastArchived(), seconds: 0)
  }

  private func lab(_ version: String) async throws -> Lab {
    var settings = Lab.Settings()
    if driver == "postgres" {
      let server = try await PostgresServer.shared
      let name = PostgresServer.uniqueName("state")
      try await server.createDatabase(name)
      settings.ledgerURL = "postgresql://postgres@127.0.0.1:\(server.port)/\(name)?sslmode=disable"
      settings.ledgerDatabase = name
    }
    return try await Lab(database: try await AirflowFixtures.dump(version), truth: version, settings)
  }
}

/// Holds a stream of events, duplicates among them, against the promises: the same event is always the same bytes, and where
/// it is first sent its START came before it, and its parent's START before its own.
/// - Returns: how many duplicates there are.
@discardableResult
func expectOrder(_ bodies: [[UInt8]], _ comment: Comment = "") throws -> Int {
  var seen: [String: [UInt8]] = [:]
  var begun: Set<String> = []
  var duplicates = 0
  let all = try bodies.map { try JSONValue(parsing: $0) }
  let told = Set(all.compactMap { $0["run"]?["runId"]?.stringValue })
  for (event, body) in zip(all, bodies) {
    let run = try #require(event["run"]?["runId"]?.stringValue)
    let type = try #require(event["eventType"]?.stringValue)
    if let before = seen.updateValue(body, forKey: "\(run) \(type)") {
      #expect(before == body, "\(type) of \(run) was not repeated byte by byte. \(comment.rawValue)")
      duplicates += 1
      continue
    }
    if type == "START" {
      begun.insert(run)
    } else {
      #expect(begun.contains(run), "\(type) of \(run) came before its START. \(comment.rawValue)")
    }
    if let parent = event["run"]?["facets"]?["parent"]?["run"]?["runId"]?.stringValue, told.contains(parent) {
      #expect(begun.contains(parent), "\(type) of \(run) came before the START of its parent. \(comment.rawValue)")
    }
  }
  return duplicates
}

/// SplitMix64: the same seed, the same moments.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
