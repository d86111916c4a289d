/// Which runs were kept by others while a read was under way. Polls, pages of history and sweeps read side by side, each
/// from a snapshot of its own: what one of them has read may be older than what another has kept since, and must not
/// overwrite it. Pure.
struct ReadsUnderWay {
  /// A read that has begun.
  struct Number: Hashable { fileprivate var value: Int }

  private var last = 0
  private var keptSince: [Number: Set<Int64>] = [:]

  /// To be called before the read's transaction begins.
  mutating func begin() -> Number {
    last += 1
    let number = Number(value: last)
    keptSince[number] = []
    return number
  }

  /// The `dag_run.id`s that others have kept since the read began.
  func keptByOthers(since number: Number) -> Set<Int64> { keptSince[number] ?? [] }

  /// What a read has brought is in the ledger.
  mutating func kept(_ ids: some Sequence<Int64>, by number: Number) {
    for other in keptSince.keys where other != number { keptSince[other]?.formUnion(ids) }
  }

  mutating func end(_ number: Number) { keptSince[number] = nil }
}
