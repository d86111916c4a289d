import Platform

/// Keeps a sink's token and reads it anew when the backend refuses it. On a thread of its own: a token may come from a
/// command that takes seconds.
actor TokenKeeper {
  private let executor = ThreadExecutor(name: "sink-token")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let read: @Sendable () throws -> String
  private var known: String?

  init(_ read: @escaping @Sendable () throws -> String) { self.read = read }

  /// The token, read when it is not known.
  /// - Throws: what reading it throws, which says what to do.
  func current() throws -> String {
    if let known { return known }
    let token = try read()
    known = token
    return token
  }

  /// The token that has taken the place of one that was refused; nil when there is none yet. It is looked for again then.
  func successor(of refused: String) -> String? {
    if let known, known != refused { return known }
    known = try? read()
    if known == refused { known = nil }
    return known
  }
}
