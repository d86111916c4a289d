import Platform
import Synchronization

/// Tells the services to come to an end, and when they must.
final class StopSign: Sendable {
  private struct State {
    var deadline: Double?
    var nextID = 0
    var onSet: [Int: @Sendable () -> Void] = [:]
  }

  private let state = Mutex(State())

  /// Services should begin nothing new.
  var isSet: Bool { state.withLock { $0.deadline != nil } }

  /// The time to finish what is under way is over.
  var isOver: Bool { state.withLock { $0.deadline.map { monotonicSeconds() >= $0 } ?? false } }

  /// Asks the services to stop within `seconds`.
  func set(seconds: Double) {
    let callbacks = state.withLock { state in
      state.deadline = min(state.deadline ?? .infinity, monotonicSeconds() + seconds)
      defer { state.onSet = [:] }
      return state.onSet.values
    }
    for callback in callbacks { callback() }
  }

  /// Calls `body` when the sign is set, or at once when it is. The answer takes the wish back with ``forget(_:)``.
  @discardableResult
  func onSet(_ body: @escaping @Sendable () -> Void) -> Int {
    let id: Int? = state.withLock { state in
      guard state.deadline == nil else { return nil }
      state.nextID += 1
      state.onSet[state.nextID] = body
      return state.nextID
    }
    if id == nil { body() }
    return id ?? 0
  }

  private func forget(_ id: Int) { state.withLock { $0.onSet[id] = nil } }

  /// Waits until the sign is set, for at most `seconds`.
  func wait(seconds: Double) async {
    guard !isSet else { return }
    let alarm = Alarm()
    let id = onSet { alarm.ring() }
    await alarm.wait(seconds: seconds)
    forget(id)
  }

  /// Waits until the sign is set, or the task is cancelled.
  func wait() async {
    while !isSet, !Task.isCancelled { await wait(seconds: 3600) }
  }
}
