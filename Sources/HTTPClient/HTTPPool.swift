/// A number of lanes; a request takes the first that is free, in the order in which requests came.
public actor HTTPPool {
  private var free: [HTTPLane]
  private var waiting: [(id: UInt64, continuation: CheckedContinuation<HTTPLane?, Never>)] = []
  private var lastID: UInt64 = 0

  /// - Parameters:
  ///   - name: of the threads; a number is put after it
  ///   - lanes: how many requests may be under way at once; at least one
  ///   - userAgent: sent unless the request has a `User-Agent` header
  public init(name: String, lanes: Int, userAgent: String = "airflow-syncer") {
    free = (0..<max(1, lanes)).map { HTTPLane(name: "\(name)-\($0)", userAgent: userAgent) }
  }

  /// As ``HTTPLane/send(_:)``, on the first lane that is free.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    guard let lane = await take() else { throw HTTPError(.cancelled, "cancelled") }
    defer { giveBack(lane) }
    return try await lane.send(request)
  }

  private func take() async -> HTTPLane? {
    if Task.isCancelled { return nil }
    if let lane = free.popLast() { return lane }
    lastID += 1
    let id = lastID
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // The cancellation may have come first, and then nobody would wake this one.
        if Task.isCancelled { continuation.resume(returning: nil) } else { waiting.append((id, continuation)) }
      }
    } onCancel: {
      Task { await self.stopWaiting(id) }
    }
  }

  private func giveBack(_ lane: HTTPLane) {
    // The lane used last comes first: its connection is the least likely to have gone stale.
    if waiting.isEmpty { free.append(lane) } else { waiting.removeFirst().continuation.resume(returning: lane) }
  }

  private func stopWaiting(_ id: UInt64) {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
    waiting.remove(at: index).continuation.resume(returning: nil)
  }
}
