import Dispatch
import Glibc
import Platform
import Testing

@Suite struct ThreadExecutorTests {
  actor Worker {
    private let executor: ThreadExecutor
    private(set) var log: [Int] = []
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ name: String = "worker") { executor = ThreadExecutor(name: name) }

    func thread() -> UInt { UInt(pthread_self()) }
    func append(_ number: Int) { log.append(number) }
    func block(until gate: DispatchSemaphore) { gate.wait() }

    func name() -> String? { firstLine(of: "/proc/thread-self/comm") }

    /// Synchronous code that claims the actor's isolation.
    func assumed() -> Bool {
      assertIsolated()
      return assumeIsolated { $0.log.isEmpty }
    }

    func afterSuspension(_ other: Worker) async -> (UInt, UInt) {
      let before = thread()
      _ = await other.thread()
      return (before, thread())
    }
  }

  @Test func everyJobRunsOnTheSameThread() async {
    let worker = Worker()
    let threads = await withTaskGroup(of: UInt.self) { group in
      for _ in 0..<200 { group.addTask { await worker.thread() } }
      return await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(threads.count == 1)
  }

  @Test func twoActorsHaveTwoThreadsAndComeBackToTheirOwn() async {
    let (one, other) = (Worker(), Worker())
    let (before, after) = await one.afterSuspension(other)
    #expect(before == after)
    #expect(await other.thread() != before)
  }

  @Test func jobsRunInTheOrderInWhichTheyCame() async {
    let worker = Worker()
    for number in 0..<500 { await worker.append(number) }
    #expect(await worker.log == Array(0..<500))
  }

  @Test func isolationIsKnownOnTheThread() async {
    #expect(await Worker().assumed())
  }

  @Test(arguments: [("short", "short"), ("a name of more than fifteen bytes", "a name of more "), ("", "")])
  func theThreadBearsItsName(name: String, expected: String) async {
    #expect(await Worker(name).name() == expected)
  }

  @Test func blockedActorsHoldNobodyElseUp() async {
    // More than the cooperative pool has threads; the gate opens only if other tasks still run.
    let gate = DispatchSemaphore(value: 0)
    let workers = (0..<32).map { _ in Worker() }
    await withTaskGroup(of: Void.self) { group in
      for worker in workers { group.addTask { await worker.block(until: gate) } }
      group.addTask {
        for _ in 0..<100 { await Task.yield() }
        for _ in workers { gate.signal() }
      }
    }
  }

  @Test func theThreadEndsWithItsActor() async throws {
    // A name of this test's own, so that other tests' threads do not count.
    let name = "ends-\(getpid() % 10_000)"
    for _ in 0..<50 { _ = await Worker(name).thread() }
    // Bounds a broken implementation only.
    for _ in 0..<2_000 where threads(named: name) > 0 { try await Task.sleep(nanoseconds: 10_000_000) }
    #expect(threads(named: name) == 0)
  }

  private func threads(named name: String) -> Int {
    guard let folder = opendir("/proc/self/task") else { return -1 }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      let thread = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if firstLine(of: "/proc/self/task/\(thread)/comm") == name { count += 1 }
    }
    return count
  }
}

private func firstLine(of path: String) -> String? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var buffer = [CChar](repeating: 0, count: 64)
  guard fgets(&buffer, 64, file) != nil else { return nil }
  return String(decoding: buffer.prefix(while: { $0 != 10 && $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
