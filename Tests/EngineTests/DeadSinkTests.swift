import Glibc
import JSONText
import TestServers
import Testing

/// A sink that is dead, and two that are well, in one daemon.
@Suite struct DeadSinkTests {
  enum Death: CaseIterable { case refuses, saysNothing, dripsItsAnswer }

  private static let emit = "emit: [dag_runs, attempts, dbt_runs]"

  /// What there is to be sent.
  private static let calm = Task {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3", .init(lineage: [emit]))
    try await lab.sync()
    return lab
  }

  private func sink(_ name: String, _ lab: Lab) async throws -> JSONValue? {
    try await lab.status()["sinks"]?.arrayValue?.first { $0["name"]?.stringValue == name }
  }

  @Test(arguments: Death.allCases) func oneDeadSinkSlowsNoOther(_ death: Death) async throws {
    let backend = try EventBackend()
    let proxy = try FaultProxy(to: Int(backend.port))
    switch death {
    case .refuses: backend.close()
    // Nobody's patience is as long as these; they end when they are forgiven.
    case .saysNothing: proxy.plan(Array(repeating: .stall(after: 0, seconds: 3600), count: 10_000))
    case .dripsItsAnswer: proxy.plan(Array(repeating: .drip(bytes: 1 << 20, pause: 0.5), count: 10_000))
    }
    let url = death == .refuses ? backend.url : backend.url(through: proxy.port)
    let lab = try await Lab(
      database: try await AirflowFixtures.dump("2.6.3"), truth: "2.6.3",
      .init(
        pollInterval: "100ms", lineage: [Self.emit],
        top: ["  - name: dead", "    type: openlineage", "    url: \(url)", "    timeout: 2s", "    \(Self.emit)"]))
    let daemon = try lab.startDaemon()
    let calm = try await Self.calm.value
    let (events, lines) = (calm.backend.distinct, try await calm.lastArchived())
    try await eventually("that the healthy ones have everything") {
      guard lab.backend.distinct == events else { return false }
      // The file may just be in the middle of a line.
      return (try? await lab.lastArchived()) == lines
    }
    // The dead one has confirmed nothing yet: nobody has waited for it.
    var dead = try #require(try await sink("dead", lab))
    let count = lab.backend.bodies.count
    #expect(dead["delivered"]?.integerValue == 0)
    #expect(count == events.count && count > 100)
    try expectWellFormed(lab.backend.bodies)
    // It is left alone: one request now and then, not one for each event.
    try await eventually("that it is known to be dead") { try await sink("dead", lab)?["error"]?.stringValue != nil }
    #expect(proxy.connections < count / 4, "\(proxy.connections) connections")
    #expect(try await sink("lineage", lab)?["error"]?.stringValue == nil)
    #expect(try await lab.state() == "degraded")

    if death == .refuses { try backend.open() } else { proxy.forgive() }
    try await lab.waitUntilIdle()
    dead = try #require(try await sink("dead", lab))
    #expect(dead["delivered"]?.integerValue == Int64(count) && dead["parked"]?.integerValue == 0)
    expectEqual(backend.distinct, events)
    // What was taken without an answer came twice, with the same bytes; the first times are in order.
    var seen: Set<[UInt8]> = []
    try expectWellFormed(backend.bodies.filter { seen.insert($0).inserted })
    if death == .refuses { #expect(backend.bodies.count == count) }
    #expect(daemon.isRunning)
    daemon.signal(SIGTERM)
    #expect(try await daemon.finish(within: 20).status == 0)
  }
}
