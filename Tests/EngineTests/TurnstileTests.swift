import Synchronization
import Testing

@testable import Engine

@Suite struct TurnstileTests {
  @Test func onlyOneIsWithinAtATime() async {
    let turnstile = Turnstile()
    let within = Counts()
    await withTaskGroup(of: Void.self) { group in
      for _ in 1...50 {
        group.addTask {
          await turnstile.take()
          within.enter()
          await Task.yield()
          within.leave()
          turnstile.pass()
        }
      }
    }
    #expect(within.most == 1)
    #expect(within.passed == 50)
  }

  private final class Counts: Sendable {
    private let counts = Mutex((now: 0, most: 0, passed: 0))

    var most: Int { counts.withLock { $0.most } }
    var passed: Int { counts.withLock { $0.passed } }

    func enter() {
      counts.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
    }

    func leave() {
      counts.withLock {
        $0.now -= 1
        $0.passed += 1
      }
    }
  }
}
