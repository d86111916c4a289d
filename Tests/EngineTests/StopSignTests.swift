import Synchronization
import Testing

@testable import Engine

@Suite struct StopSignTests {
  @Test func whoWaitsIsWokenAndWhoComesLateDoesNotWait() async {
    let stop = StopSign()
    #expect(!stop.isSet)
    async let wait: Void = stop.wait(seconds: 3600)
    stop.set(seconds: 3600)
    await wait
    await stop.wait(seconds: 3600)
    #expect(stop.isSet)
    #expect(!stop.isOver)
  }

  @Test func theNearerDeadlineCounts() {
    let stop = StopSign()
    stop.set(seconds: 3600)
    stop.set(seconds: 0)
    #expect(stop.isOver)
    stop.set(seconds: 3600)
    #expect(stop.isOver)
  }

  @Test func wishesAreCalledOnceHoweverLateTheyCome() {
    let stop = StopSign()
    let calls = Mutex(0)
    stop.onSet { calls.withLock { $0 += 1 } }
    stop.set(seconds: 1)
    stop.set(seconds: 1)
    #expect(calls.withLock { $0 } == 1)
    stop.onSet { calls.withLock { $0 += 1 } }
    #expect(calls.withLock { $0 } == 2)
  }
}
