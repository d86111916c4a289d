import Glibc
import Platform
import Synchronization
import Testing

@testable import Postgres

@Suite struct OperationTests {
  @Test func aPassedDeadlineEndsEveryWait() {
    let operation = Operation(seconds: 0, wakeUp: WakeUp())
    #expect(throws: Interruption.deadline) { try operation.check() }
    #expect(throws: Interruption.deadline) { try operation.wait { false } }
    #expect(throws: Interruption.deadline) { try operation.wait(for: -1, POLLIN) }
  }

  @Test func aCancellationEndsAWaitFromAnotherThread() {
    let operation = Operation(seconds: 3600, wakeUp: WakeUp())
    #expect(onOwnThread(name: "canceller") { operation.cancel() })
    #expect(throws: Interruption.cancelled) { try operation.wait { false } }
  }

  @Test func aCancellationOfOneOperationDoesNotStopTheNext() throws {
    let wakeUp = WakeUp()
    let first = Operation(seconds: 3600, wakeUp: wakeUp)
    let second = Operation(seconds: 3600, wakeUp: wakeUp)
    first.cancel()
    try second.check()
    let done = Flag()
    #expect(
      onOwnThread(name: "waker") {
        done.raise()
        second.wake()
      })
    try second.wait { done.isRaised }
  }

  @Test func alimitedOperationSharesItsCancellation() throws {
    let operation = Operation(seconds: 3600, wakeUp: WakeUp())
    let short = operation.limited(toSeconds: 0)
    #expect(throws: Interruption.deadline) { try short.check() }
    try operation.check()
    #expect(operation.limited(toSeconds: 7200).deadline == operation.deadline)
    operation.cancel()
    #expect(throws: Interruption.cancelled) { try short.check() }
  }

  @Test func aReadableDescriptorIsSeen() throws {
    let other = WakeUp()
    let operation = Operation(seconds: 3600, wakeUp: WakeUp())
    other.fire()
    try operation.wait(for: other.descriptor, POLLIN)
  }

  final class Flag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isRaised: Bool { flag.load(ordering: .acquiring) }
    func raise() { flag.store(true, ordering: .releasing) }
  }
}
