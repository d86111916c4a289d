import Ledger
import Testing

@testable import Engine

struct PartPlanTests {
  private typealias Plan = PartPlan<Int>
  private let one = PartName(.airflow, "one")
  private let two = PartName(.sink, "two")
  private let folder = PartName(.dbtArtifacts, "folder")

  @Test func whatIsWantedIsStartedAndWhatIsNotIsStopped() {
    var plan = Plan(takesLeases: false)
    #expect(plan.want([one: 1, two: 1]) == [.start(one, 1, token: nil), .start(two, 1, token: nil)])
    #expect(plan.want([one: 1, two: 1]) == [])
    #expect(plan.want([one: 1]) == [.stop(two)])
    #expect(plan.want([one: 1]) == [], "it is being stopped already")
    #expect(plan.ended(two) == [])
    #expect(plan.running == [one])
  }

  @Test func whatHasChangedIsStartedAnewWhenItHasEnded() {
    var plan = Plan(takesLeases: false)
    _ = plan.want([one: 1, two: 1])
    #expect(plan.want([one: 2, two: 1]) == [.stop(one)])
    #expect(plan.want([one: 3, two: 1]) == [])
    #expect(plan.ended(one) == [.start(one, 3, token: nil)])
    // Back to what runs, but it is being stopped.
    _ = plan.want([one: 4, two: 1])
    #expect(plan.want([one: 3, two: 1]) == [])
    #expect(plan.ended(one) == [.start(one, 3, token: nil)])
  }

  @Test func aPartWaitsForItsLeaseAndAFolderHasNone() {
    var plan = Plan(takesLeases: true)
    #expect(plan.want([one: 1, folder: 1]) == [.start(folder, 1, token: nil)])
    #expect(plan.leasesWanted == [one])
    #expect(plan.hold([one: 7]) == [.start(one, 1, token: 7)])
    #expect(plan.hold([one: 7]) == [])
    #expect(plan.lose(one, token: 6) == [], "an earlier lease")
    #expect(plan.lose(one, token: 7) == [.stop(one)])
    #expect(plan.hold([one: 9]) == [])
    #expect(plan.ended(one) == [.start(one, 1, token: 9)])
    #expect(plan.hold([:]) == [.stop(one)])
    #expect(plan.ended(one) == [])
  }

  @Test func theLeaseOfAPartThatIsNotWantedIsGivenBackWhenItHasEnded() {
    var plan = Plan(takesLeases: true)
    _ = plan.want([one: 1])
    _ = plan.hold([one: 7])
    #expect(plan.want([:]) == [.stop(one)])
    #expect(plan.ended(one) == [.release(one)])
    #expect(plan.hold([one: 7]) == [.release(one)], "it was renewed meanwhile")
  }

  @Test func howeverThingsComeOneLifeFollowsTheOther() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed)
    var plan = Plan(takesLeases: true)
    let names = [one, two, folder]
    var living: [PartName: (definition: Int, token: Int64?)] = [:]
    var stopping: Set<PartName> = []
    var wanted: [PartName: Int] = [:]
    var held: [PartName: Int64] = [:]
    func act(_ actions: [Plan.Action]) {
      for action in actions {
        switch action {
        case .start(let name, let definition, let token):
          #expect(living[name] == nil, "two lives at once, seed \(seed)")
          living[name] = (definition, token)
        case .stop(let name):
          #expect(living[name] != nil && stopping.insert(name).inserted, "seed \(seed)")
        case .release(let name):
          #expect(living[name] == nil && wanted[name] == nil, "seed \(seed)")
          held[name] = nil
        }
      }
    }
    func end(_ name: PartName) {
      guard living.removeValue(forKey: name) != nil else { return }
      stopping.remove(name)
      act(plan.ended(name))
    }
    for step in 0..<2000 {
      let name = names[Int.random(in: 0..<3, using: &random)]
      switch Int.random(in: 0..<5, using: &random) {
      case 0: wanted[name] = Int.random(in: 0..<3, using: &random)
      case 1: wanted[name] = nil
      case 2: if name != folder { held[name] = Int64(step) }
      case 3: held[name] = nil
      default: end(name)
      }
      act(plan.want(wanted))
      act(plan.hold(held))
    }
    while let name = stopping.first { end(name) }
    let expected = wanted.filter { $0.key == folder || held[$0.key] != nil }
    #expect(living.mapValues(\.definition) == expected, "seed \(seed)")
    #expect(living.allSatisfy { $0.value.token == ($0.key == folder ? nil : held[$0.key]) }, "seed \(seed)")
  }
}
