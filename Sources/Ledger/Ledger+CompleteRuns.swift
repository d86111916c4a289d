import ExecutionModel
import Platform
import Storage

/// A run of which everything was read, to be kept.
public struct CompleteDbtRun: Sendable {
  /// The run's row in the ledger.
  public var id: Int64
  public var run: DbtRun

  public init(_ run: DbtRun, id: Int64) {
    self.id = id
    self.run = run
  }

  /// Whether it takes a transaction, and a good deal of memory, by itself.
  public var isLarge: Bool { run.steps.reduce(0) { $0 + max($1.nodes.count, $1.results.count) } > 2000 }
}

extension Ledger {
  /// Keeps the first of several runs as ``keepComplete(_:id:)`` does: as many as are written within some tens of
  /// milliseconds, in one transaction. Pages that they share are written once, and the disk is waited for once.
  /// - Returns: how many are kept; at least one, unless there is none.
  public func keepComplete(firstOf runs: [CompleteDbtRun]) async throws -> Int {
    guard let first = runs.first else { return 0 }
    Failpoint.fetch.pass()
    let several = runs.prefix { !$0.isLarge }
    // What does not work together may be the fault of one of them.
    if several.count > 1, let count = try? keep(several) { return count }
    try await keepComplete(first.run, id: first.id)
    return 1
  }

  /// Seconds after which a transaction takes in no more runs.
  private static let secondsAtOnce = 0.03

  private func keep(_ runs: ArraySlice<CompleteDbtRun>) throws -> Int {
    try write { database in
      let end = monotonicSeconds() + Self.secondsAtOnce
      let handout = try NodeHandout(database)
      var checks = CheckWriter(database: database)
      var count = 0
      for one in runs where count == 0 || monotonicSeconds() < end {
        try keepComplete(keptWords.kept(one.run), id: one.id, handout, &checks)
        count += 1
      }
      try checks.finish()
      return count
    }
  }

  /// Keeps the nodes of each step, unless the ledger has just kept the same.
  func nodesOfSteps(of run: DbtRun, _ handout: NodeHandout) throws -> [KeptNodes] {
    var writer = DbtNodeWriter(handout)
    recentNodes.follow(handout.moment)
    return try run.steps.map { step in
      if let known = recentNodes.all(of: step) { return known }
      let kept = try writer.keep(DbtNodeWriter.nodes(of: step))
      recentNodes.note(step, kept)
      return kept
    }
  }
}
