import CPlatform
import Dispatch
import Glibc
import Synchronization

/// A serial executor that owns one thread, so that blocking C calls (libpq, libcurl, SQLite) never run on Swift's
/// cooperative pool. An actor with this executor runs every job on that thread. The thread ends with the executor.
public final class ThreadExecutor: SerialExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    var isStopped = false
  }

  // Apart from the executor, so that the thread keeps no reference to it while it waits.
  private final class Mailbox: Sendable {
    let queue = Mutex(Queue())
    let signal = DispatchSemaphore(value: 0)
    let thread = Atomic<UInt>(0)
  }

  private final class Start {
    let mailbox: Mailbox
    weak var owner: ThreadExecutor?
    let name: String

    init(mailbox: Mailbox, owner: ThreadExecutor, name: String) {
      self.mailbox = mailbox
      self.owner = owner
      self.name = name
    }
  }

  private let mailbox = Mailbox()

  /// - Parameter name: shown by `ps -T` and debuggers; at most 15 bytes are kept.
  public init(name: String) {
    let start = Unmanaged.passRetained(Start(mailbox: mailbox, owner: self, name: name))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, 1 << 20)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let result = pthread_create(&thread, &attributes, runThread, start.toOpaque())
    precondition(result == 0, "no thread could be created: errno \(result)")
  }

  deinit {
    mailbox.queue.withLock { $0.isStopped = true }
    mailbox.signal.signal()
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let unowned = UnownedJob(job)
    mailbox.queue.withLock { $0.jobs.append(unowned) }
    mailbox.signal.signal()
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  public func checkIsolated() {
    precondition(UInt(pthread_self()) == mailbox.thread.load(ordering: .acquiring), "not on the executor's own thread")
  }

  fileprivate static func run(_ argument: UnsafeMutableRawPointer) {
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    cplatform_thread_name(start.name)
    let mailbox = start.mailbox
    mailbox.thread.store(UInt(pthread_self()), ordering: .releasing)
    while true {
      mailbox.signal.wait()
      let (jobs, isStopped) = mailbox.queue.withLock { queue in
        defer { queue.jobs.removeAll(keepingCapacity: true) }
        return (queue.jobs, queue.isStopped)
      }
      if !jobs.isEmpty, let owner = start.owner {
        let executor = owner.asUnownedSerialExecutor()
        for job in jobs { job.runSynchronously(on: executor) }
      }
      if isStopped { return }
    }
  }
}

// A C callback must be a plain function: a closure could inherit an actor's isolation and trap.
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let argument { ThreadExecutor.run(argument) }
  return nil
}
