import ExecutionModel
import Testing

@testable import Ledger

struct RecentNodesTests {
  private let kept: KeptNodes = Dictionary(
    uniqueKeysWithValues: step(models: 2).nodes.values.map {
      ($0.uniqueID, DbtNodeWriter.Kept(id: Int64($0.uniqueID.utf8.count), relation: $0.relation))
    })

  @Test func theSameNodesAreKnownAgain() throws {
    var nodes = RecentNodes()
    #expect(nodes.all(of: step(models: 2)) == nil)
    nodes.note(step(models: 2), kept)
    let known = try #require(nodes.all(of: step(models: 2)))
    #expect(known.mapValues(\.id) == kept.mapValues(\.id))
    #expect(known.mapValues(\.relation) == kept.mapValues(\.relation))
    // A run of a part of the project.
    #expect(nodes.all(of: step(models: 1)) != nil)
  }

  @Test func anotherFactOrNameIsNotKnown() throws {
    var nodes = RecentNodes()
    nodes.note(step(models: 2), kept)
    var changes: [DbtStep] = Array(repeating: step(models: 2), count: 6)
    changes[0].nodes["model.shop.m1"]?.description = "another"
    changes[1].nodes["model.shop.m1"]?.columns = [DbtColumn(name: "id")]
    changes[2].nodes["model.shop.new"] = DbtNode(uniqueID: "model.shop.new")
    // What only results name is no part of the manifest.
    changes[3].results.append(DbtNodeResult(uniqueID: "model.shop.new", status: "success"))
    changes[4].results[0].inputs.append("model.shop.new")
    changes[5].freshness.append(DbtFreshness(uniqueID: "source.shop.raw.new", status: "pass"))
    for (number, changed) in changes.enumerated() { #expect(nodes.all(of: changed) == nil, "change \(number)") }
    var bare = step(models: 2)
    bare.nodes = [:]
    #expect(nodes.all(of: bare) == nil)
  }

  @Test func fewAreRemembered() {
    let (few, many) = (step(models: 2), step(models: 3))
    var nodes = RecentNodes(limit: few.nodes.count)
    nodes.note(few, kept)
    nodes.note(many, kept)
    #expect(nodes.all(of: few) != nil && nodes.all(of: many) == nil)
    // What is new takes the place of what was there.
    var other = DbtStep(index: 1)
    other.nodes["model.shop.other"] = DbtNode(uniqueID: "model.shop.other")
    nodes.note(other, ["model.shop.other": DbtNodeWriter.Kept(id: 99, relation: nil)])
    #expect(nodes.all(of: few) == nil && nodes.all(of: other)?.count == 1)
  }

  @Test func nothingIsRememberedFromAnotherMoment() {
    var nodes = RecentNodes()
    nodes.follow(.init(collection: 1, connection: 1))
    nodes.note(step(models: 2), kept)
    nodes.follow(.init(collection: 1, connection: 1))
    #expect(nodes.all(of: step(models: 2)) != nil)
    nodes.follow(.init(collection: 1, connection: 2))
    #expect(nodes.all(of: step(models: 2)) == nil)
    nodes.note(step(models: 2), kept)
    nodes.follow(.init(collection: 2, connection: 2))
    #expect(nodes.all(of: step(models: 2)) == nil)
  }
}
