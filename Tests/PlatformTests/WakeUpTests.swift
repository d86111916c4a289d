import Glibc
import Platform
import Testing

@Suite struct WakeUpTests {
  private func isReadable(_ wakeUp: WakeUp) -> Bool {
    var descriptor = pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, 0) == 1
  }

  @Test func itIsReadableFromFireToClear() {
    let wakeUp = WakeUp()
    #expect(!isReadable(wakeUp))
    wakeUp.fire()
    #expect(isReadable(wakeUp))
    #expect(isReadable(wakeUp))
    wakeUp.clear()
    #expect(!isReadable(wakeUp))
  }

  @Test func oneClearTakesBackEveryFire() {
    let wakeUp = WakeUp()
    for _ in 0..<1000 { wakeUp.fire() }
    wakeUp.clear()
    #expect(!isReadable(wakeUp))
    wakeUp.fire()
    #expect(isReadable(wakeUp))
  }

  @Test func clearingWithoutFireDoesNotBlock() {
    let wakeUp = WakeUp()
    wakeUp.clear()
    #expect(!isReadable(wakeUp))
  }

  @Test func theDescriptorIsNotInheritedByPrograms() {
    let wakeUp = WakeUp()
    #expect(fcntl(wakeUp.descriptor, F_GETFD) & FD_CLOEXEC == FD_CLOEXEC)
  }
}
