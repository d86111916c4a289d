import Testing

@testable import Engine

@Suite struct AlarmTests {
  /// Far longer than any test may take: what returns has been woken.
  private static let long = 3600.0

  @Test func aRingEndsTheWait() async {
    let alarm = Alarm()
    async let wait: Void = alarm.wait(seconds: Self.long)
    alarm.ring()
    await wait
  }

  @Test func aRingWhileNobodyWaitsIsKeptForTheNextWait() async {
    let alarm = Alarm()
    alarm.ring()
    alarm.ring()
    await alarm.wait(seconds: Self.long)
  }

  @Test func timeEndsTheWait() async { await Alarm().wait(seconds: 0) }

  @Test func aCancelledTaskWaitsNoLonger() async {
    let alarm = Alarm()
    let task = Task { await alarm.wait(seconds: Self.long) }
    task.cancel()
    await task.value
  }
}
