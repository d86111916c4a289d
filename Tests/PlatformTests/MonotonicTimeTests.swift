import Glibc
import Platform
import Testing

@Suite struct MonotonicTimeTests {
  @Test func timeNeverGoesBack() {
    var last = monotonicSeconds()
    for _ in 0..<10_000 {
      let now = monotonicSeconds()
      #expect(now >= last)
      last = now
    }
  }

  @Test func theWallClockCountsMicrosecondsSince1970() {
    let before = Int64(time(nil))
    let now = wallClockMicroseconds()
    let after = Int64(time(nil))
    #expect((before * 1_000_000...(after + 1) * 1_000_000).contains(now))
  }
}
