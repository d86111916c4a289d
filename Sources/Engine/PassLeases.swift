import Ledger
import Synchronization

/// The leases of a command that works as one part after the other, on a ledger that daemons may share. All are taken before
/// it begins, and renewed until they are given back.
final class PassLeases: Sendable {
  private struct State {
    var tokens: [PartName: Int64] = [:]
    var renewal: Task<Void, Never>?
  }

  private let book: LeaseBook
  private let state = Mutex(State())

  init(_ book: LeaseBook) { self.book = book }

  /// Takes the leases of all these parts, or none.
  /// - Parameter spare: parts that it works as too if nobody else has them.
  /// - Throws: `LedgerError`, of kind `inUse` when somebody else has one of them.
  func take(_ parts: Set<PartName>, spare: Set<PartName> = [], mode: String, path: String) async throws {
    let wanted = parts.filter(\.kind.isLeased)
    try await book.enter(mode: mode, version: SyncerVersion.current)
    let held = try await book.keep(wanted.union(spare))
    if !wanted.isSubset(of: held.keys) {
      let reason = try await book.holder(ofOneOf: wanted)
      try await book.leave()
      throw LedgerError(.inUse, path: path, detail: reason)
    }
    let book = book
    let renewal = Task {
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(LeaseBook.interval))
        // A lease that is lost is not taken again: what was in memory may have been overtaken.
        if !Task.isCancelled { _ = try? await book.keep([]) }
      }
    }
    state.withLock { $0 = State(tokens: held, renewal: renewal) }
  }

  /// Under which lease this part writes.
  func fence(of part: PartName) -> Fence? {
    state.withLock { $0.tokens[part] }.map { Fence(part: part, token: $0, lost: {}) }
  }

  func giveBack() async {
    let renewal = state.withLock { state in
      defer { state = State() }
      return state.renewal
    }
    renewal?.cancel()
    try? await book.leave()
  }
}
