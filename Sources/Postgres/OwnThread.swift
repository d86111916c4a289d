import CPlatform
import Glibc
import Platform

/// Runs blocking work that has no time limit of its own on a thread of its own, which ends with it.
///
/// - Returns: false when the system gives no thread; then the work was not done.
func onOwnThread(name: String, _ work: @escaping @Sendable () -> Void) -> Bool {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setstacksize(&attributes, 1 << 20)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  let box = Unmanaged.passRetained(Work(name: name, work: work))
  var thread = pthread_t()
  guard pthread_create(&thread, &attributes, runWork, box.toOpaque()) == 0 else {
    box.release()
    return false
  }
  return true
}

private final class Work {
  let name: String
  let work: @Sendable () -> Void

  init(name: String, work: @escaping @Sendable () -> Void) {
    self.name = name
    self.work = work
  }
}

// A C callback must be a plain function: a closure could inherit an actor's isolation and trap.
private func runWork(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let box = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
  cplatform_thread_name(box.name)
  box.work()
  return nil
}
