import Platform

/// Waits until `condition` holds and fails after `seconds`, which bounds a broken test only: choose it generously.
public func eventually(
  within seconds: Double = 60, _ what: String = "the condition", _ condition: () async throws -> Bool
) async throws {
  let end = monotonicSeconds() + seconds
  while true {
    if try await condition() { return }
    guard monotonicSeconds() < end else { throw TestServerError("\(what) did not come about within \(seconds) s") }
    try await Task.sleep(nanoseconds: 10_000_000)
  }
}
