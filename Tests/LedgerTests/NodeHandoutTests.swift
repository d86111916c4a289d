import ExecutionModel
import Storage
import Testing

@testable import Ledger

@Suite(.eachDriver) struct NodeHandoutTests {
  private func insert(_ ids: ClosedRange<Int64>, into bench: Bench) throws -> KeptNodes {
    for id in ids {
      try bench.execute(
        "INSERT INTO dbt_node (id, digest, unique_id, tags, depends_on) VALUES (\(id), \(digest(id)), 'n\(id)', '[]', '[]')"
      )
    }
    return Dictionary(uniqueKeysWithValues: ids.map { ("n\($0)", .init(id: $0, relation: nil)) })
  }

  private func digest(_ id: Int64) -> String {
    Driver.current == .sqlite ? "x'\(String(format(id)))'" : "'\\x\(format(id))'"
  }

  private func format(_ id: Int64) -> String { String(10_000_000 + id) }

  @Test func whatIsHandedOutIsNotedWhileASearchIsUnderWay() async throws {
    let bench = try await Bench()
    let database = try bench.connect()
    for (isUnderWay, noted) in [(0, []), (1, ["7"])] {
      try bench.execute("UPDATE node_collection SET is_under_way = \(isUnderWay)")
      try database.transaction {
        let handout = try NodeHandout(database)
        for _ in 1...2 { try handout.note(7) }
      }
      #expect(try bench.query("SELECT node FROM node_handed_out") == noted)
    }
  }

  @Test func whatWasHandedOutBeforeASearchIsLookedAtAgain() async throws {
    let bench = try await Bench()
    let database = try bench.connect()
    let nodes = try insert(1...70, into: bench)
    func claim(since change: String) throws -> LedgerError? {
      let before = try database.transaction { try NodeHandout(database).moment }
      try bench.execute(change)
      do {
        try database.transaction { try NodeHandout(database).claim([nodes, nodes], of: before) }
      } catch let error as LedgerError { return error }
      return nil
    }
    #expect(try claim(since: "DELETE FROM node_handed_out") == nil)
    #expect(try bench.query("SELECT count(*) FROM node_handed_out") == ["0"])
    let begin = "UPDATE node_collection SET number = number + 1, is_under_way = 1"
    #expect(try claim(since: begin) == nil)
    #expect(try bench.query("SELECT count(*) FROM node_handed_out") == ["70"])
    let error = try claim(since: "\(begin); DELETE FROM dbt_node WHERE id = 70")
    #expect(error?.kind == .busy && error?.isTransient == true)
  }
}
