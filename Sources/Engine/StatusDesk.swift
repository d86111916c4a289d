import Platform

/// Tells people how a running daemon does, over its status socket.
///
/// However many ask, the ledger is read for them a fifth of the time at most: all who come while it is being read share
/// the next reading, so that nobody is told what was before the question. A ledger that hangs is not waited for: then
/// what the process knows itself is told alone. It is looked at again soon after it has come back.
actor StatusDesk {
  /// Writes the answer to a question.
  typealias Writer = @Sendable (_ question: String, StatusReading.Outcome, LiveState) -> [UInt8]

  private let read: @Sendable () async throws -> StatusReading
  private let live: @Sendable () -> LiveState
  private let write: Writer
  private let patience: Double
  private let longestRest: Double
  private let now: @Sendable () -> Double
  /// The reading under way or over, and the one that comes after it.
  private var current: Task<StatusReading, any Error>?
  private var next: Task<StatusReading, any Error>?
  private var restsUntil = 0.0

  /// - Parameters:
  ///   - patience: seconds that an answer waits for the ledger.
  ///   - longestRest: seconds. A reading that takes much longer is no load but a wait for a server that does not answer.
  ///   - now: seconds on a clock that is never set.
  init(
    reading read: @escaping @Sendable () async throws -> StatusReading,
    live: @escaping @Sendable () -> LiveState, patience: Double = 2, longestRest: Double = 10,
    now: @escaping @Sendable () -> Double = monotonicSeconds, writing write: @escaping Writer
  ) {
    self.read = read
    self.live = live
    self.patience = patience
    self.longestRest = longestRest
    self.now = now
    self.write = write
  }

  func answer(_ question: String) async -> [UInt8] { write(question, await reading(), live()) }

  private func reading() async -> StatusReading.Outcome {
    let task = upcoming()
    let patience = patience
    // Whichever comes first; a read of the ledger cannot be called back.
    let (outcomes, continuation) = AsyncStream.makeStream(of: StatusReading.Outcome.self)
    let timer = Task {
      try? await Task.sleep(for: .seconds(patience))
      continuation.yield(.failed("the ledger does not answer"))
    }
    Task {
      switch await task.result {
      case .success(let reading): continuation.yield(.read(reading))
      case .failure(let error): continuation.yield(.failed("\(error)"))
      }
    }
    defer { timer.cancel() }
    for await outcome in outcomes { return outcome }
    return .failed("the ledger does not answer")
  }

  /// A reading that has not begun yet.
  private func upcoming() -> Task<StatusReading, any Error> {
    if let next { return next }
    let before = current
    let task = Task {
      _ = await before?.result
      try? await Task.sleep(for: .seconds(max(0, restsUntil - now())))
      (current, next) = (next, nil)
      let begin = now()
      defer {
        let end = now()
        restsUntil = end + min(4 * (end - begin), longestRest)
      }
      return try await read()
    }
    next = task
    return task
  }
}
