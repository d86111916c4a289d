import ExecutionModel

/// Which runs a slice of the sweep computes and how far it got, from the ids that the database answered with. Pure.
struct SweepSelection {
  struct Run {
    var id: Int64
    var dagID: String
    var isOpen: Bool
    var moment: Instant?
  }

  private let filter: DagFilter
  private var decisions: [String: Bool] = [:]
  private var excluded: [Int64] = []
  private var answered = 0
  private var looked = 0
  private var highest: Int64?
  /// How many runs that are not too old the database answers with.
  let limit: Int
  /// How many ids it looks at for that.
  let looksAt: Int
  /// Runs to compute, by rising id.
  private(set) var wanted: [Run] = []

  init(_ request: SweepRequest, _ filter: DagFilter, looksAt: Int) {
    self.filter = filter
    limit = max(request.limit, 1)
    self.looksAt = max(looksAt, limit)
  }

  /// In the order of ids.
  mutating func add(id: Int64, dagID: String, isOpen: Bool, moment: Instant?) {
    answered += 1
    let isRead = decisions[dagID] ?? filter.includes(dagID)
    decisions[dagID] = isRead
    guard isRead else {
      excluded.append(id)
      return
    }
    wanted.append(Run(id: id, dagID: dagID, isOpen: isOpen, moment: moment))
  }

  mutating func looked(at count: Int, highest: Int64?) {
    looked = count
    self.highest = highest
  }

  /// - Parameter done: how many of ``wanted`` were computed.
  func finish(_ batch: inout SweepBatch, done: Int, _ fingerprints: [Int64: Int64]) {
    batch.runs = wanted.prefix(done).compactMap { run in
      fingerprints[run.id].map {
        SweptRun(id: run.id, dagID: run.dagID, isOpen: run.isOpen, moment: run.moment, fingerprint: $0)
      }
    }
    if done < wanted.count {
      // Stopped by time: what comes after the last one is left.
      batch.lastID = wanted.prefix(done).last?.id ?? batch.after
    } else if answered >= limit {
      batch.lastID = max(wanted.last?.id ?? batch.after, excluded.last ?? batch.after)
    } else {
      batch.lastID = highest ?? batch.after
      batch.isFinished = looked < looksAt
    }
    batch.excluded = excluded.filter { $0 <= batch.lastID }
  }
}
