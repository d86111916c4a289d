import Testing

@testable import Sinks

struct RequestPaceTests {
  @Test func requestsAreSpacedEvenlyWhoeverSendsThem() async throws {
    let now = Box(100.0)
    let waits = Box<[Double]>([])
    let pace = RequestPace(requestsPerSecond: 4, clock: { now.value }, sleep: { waits.value.append($0) })
    for _ in 0..<3 { try await pace.wait() }
    #expect(waits.value == [0.25, 0.5])
    now.value = 110
    // A pause is no credit.
    for _ in 0..<2 { try await pace.wait() }
    #expect(waits.value == [0.25, 0.5, 0.25])
  }

  @Test func whoeverIsCancelledSendsNothing() async {
    let pace = RequestPace(
      requestsPerSecond: 1, clock: { 0 }, sleep: { _ in throw CancellationError() })
    await #expect(throws: Never.self) { try await pace.wait() }
    await #expect(throws: CancellationError.self) { try await pace.wait() }
  }
}
