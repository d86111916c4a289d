import Dispatch
import Glibc

/// The signals of `numbers` as they come, instead of what they would do to the process.
public func signals(_ numbers: [Int32]) -> AsyncStream<Int32> {
  AsyncStream { continuation in
    let queue = DispatchQueue(label: "signals")
    let sources = numbers.map { number -> any DispatchSourceSignal in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { continuation.yield(number) }
      source.resume()
      return source
    }
    let held = HeldSources(sources)
    continuation.onTermination = { _ in held.cancel() }
  }
}

// Dispatch sources may be used from any thread.
private final class HeldSources: @unchecked Sendable {
  private let sources: [any DispatchSourceSignal]
  init(_ sources: [any DispatchSourceSignal]) { self.sources = sources }
  func cancel() { for source in sources { source.cancel() } }
}
