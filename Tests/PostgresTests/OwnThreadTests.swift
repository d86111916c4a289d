import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Postgres

@Suite struct OwnThreadTests {
  @Test func workRunsElsewhereAndThisThreadGoesOn() {
    let here = UInt(pthread_self())
    let gate = DispatchSemaphore(value: 0)
    let done = DispatchSemaphore(value: 0)
    let box = Box()
    #expect(
      onOwnThread(name: "a name longer than fifteen bytes") {
        gate.wait()
        box.value = UInt(pthread_self())
        done.signal()
      })
    gate.signal()
    done.wait()
    #expect(box.value != 0 && box.value != here)
  }

  final class Box: Sendable {
    private let stored = Mutex<UInt>(0)
    var value: UInt {
      get { stored.withLock { $0 } }
      set { stored.withLock { $0 = newValue } }
    }
  }
}
