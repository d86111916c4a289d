import DbtCloud
import ExecutionModel
import Ledger

// Runs under way, several of which one list can ask about.
extension Enrichment {
  /// From so many runs under way on, one list is cheaper than a call for each.
  private static let worthAList = 3

  /// Those of the due runs that have to be asked for one by one. The others are under way as they were when they were
  /// asked for last, as a list of all runs under way tells.
  func withoutUnchanged(_ due: [DueDbtRun]) async throws -> [DueDbtRun] {
    let known = due.filter { underWay[$0.runID] != nil }
    guard known.count >= Self.worthAList, let listed = try await listUnderWay(pages: known.count / 2) else {
      return due
    }
    var changed: [DueDbtRun] = []
    for one in due {
      guard let run = underWay[one.runID], let status = listed[one.runID], status == run.statusCode else {
        changed.append(one)
        continue
      }
      _ = try await ledger.keepHead(run, id: one.id, nextFetchAt: nextLook(at: run))
    }
    return changed
  }

  /// Status codes by run; nil when dbt Cloud does not give such a list, or it is too long to be worth it.
  private func listUnderWay(pages: Int) async throws -> [Int64: Int]? {
    var listed: [Int64: Int] = [:]
    var after: Int64?
    for _ in 0..<max(1, pages) {
      guard let page = try? await client.runs(DbtRunFilter(statusCodes: [1, 2, 3]), after: after) else {
        try Task.checkCancellation()
        return nil
      }
      for run in page.runs {
        // A list of all runs there are would be the wrong one.
        guard !run.isOverInDbtCloud, let id = run.runID else { return nil }
        listed[id] = run.statusCode
      }
      guard let next = page.next else { return listed }
      after = next
    }
    return nil
  }
}
