import Glibc
import Platform
import TestServers
import Testing

/// A sync that is killed at any moment, again and again, ends where an undisturbed one does.
@Suite struct KillTests {
  private static let killsPerVersion = ["2.6.3": 17, "2.11.2": 16, "3.3.2": 17]

  @Test(arguments: AirflowFixtures.versions)
  func aSyncThatIsKilledLosesNothing(_ version: String) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed)
    let database = try await AirflowFixtures.dump(version)

    let calm = try await Lab(database: database, truth: version)
    let begin = monotonicSeconds()
    try await calm.sync()
    let whole = monotonicSeconds() - begin

    // A new ledger now and then, so that every part of a pass is hit.
    var lab = try await Lab(database: database, truth: version)
    var moments: [Double] = []
    for kill in 1...(Self.killsPerVersion[version] ?? 0) {
      let moment = Double.random(in: 0...whole * 0.5, using: &random)
      moments.append(moment)
      let sync = try lab.start(["sync"])
      try await Task.sleep(for: .seconds(moment))
      sync.signal(SIGKILL)
      _ = try await sync.finish(within: 20)
      guard kill % 6 == 0 || kill == Self.killsPerVersion[version] else { continue }
      try await lab.sync()
      try await compare(lab, calm, "seed \(seed), killed after \(moments) s")
      lab = try await Lab(database: database, truth: version)
      moments = []
    }
  }

  private func compare(_ lab: Lab, _ calm: Lab, _ what: String) async throws {
    let comment = Comment(rawValue: what)
    expectEqual(lab.backend.distinct, calm.backend.distinct, comment)
    // All but the revision, which counts how often a record changed on its way.
    expectEqual(try await lab.recordsWithoutRevision(), try await calm.recordsWithoutRevision(), comment)
    expectEqual(try await lab.lastArchived(), try await calm.lastArchived(), comment)
    // The file sink's last line of a record is the record.
    let archived = try await lab.lastArchived(withRevision: true)
    #expect(archived.isSubset(of: try await lab.records()), comment)
  }
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
