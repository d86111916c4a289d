import Glibc
import Platform
import Synchronization

/// A TCP proxy on 127.0.0.1 between a program and one of its partners, which does to each connection what a network, a
/// load balancer or a dying server may do to it.
public final class FaultProxy: Sendable {
  /// What happens to one connection.
  public enum Fault: Hashable, Sendable {
    /// Nothing: bytes go through as they come.
    case none
    /// The connection ends as it should after so many bytes of the answer.
    case cut(after: Int)
    /// It is reset after so many bytes of the answer: the peer has crashed.
    case reset(after: Int)
    /// It is reset after so many bytes of what was asked: the answer, if any, is lost.
    case resetAsking(after: Int)
    /// Nothing comes any more after so many bytes of the answer, for so many seconds; then it is reset.
    case stall(after: Int, seconds: Double)
    /// So many bytes of the answer come one at a time, with a pause before each.
    case drip(bytes: Int, pause: Double)
    /// This is answered instead of what the partner would say; the partner is never asked.
    case say([UInt8])
    /// The right answer comes, with its `Content-Length` changed by so many bytes.
    case wrongLength(by: Int)
  }

  private struct State {
    var plan: [Fault] = []
    var connections = 0
    var suffered = 0
    var isClosed = false
  }

  /// Where clients go.
  public let port: Int
  private let target: Int
  private let listener: LoopbackListener
  private let state = Mutex(State())

  /// - Parameter target: the partner's port on 127.0.0.1.
  public init(to target: Int) throws {
    self.target = target
    listener = try LoopbackListener()
    port = listener.port
    let (descriptor, weak) = (listener.descriptor, Weak(self))
    Self.onThread {
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0, let proxy = weak.proxy else {
          if client >= 0 { close(client) }
          return
        }
        let fault = proxy.nextFault()
        Self.onThread { proxy.serve(client, fault) }
      }
    }
  }

  deinit { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }

  private final class Weak: @unchecked Sendable {
    weak var proxy: FaultProxy?
    init(_ proxy: FaultProxy) { self.proxy = proxy }
  }

  /// The next connections suffer these, one each, after those that were said before.
  public func plan(_ faults: [Fault]) { state.withLock { $0.plan += faults } }

  /// Nothing more is to happen.
  public func forgive() { state.withLock { $0.plan = [] } }

  /// Connections so far.
  public var connections: Int { state.withLock { $0.connections } }
  /// Planned faults that a connection has met.
  public var suffered: Int { state.withLock { $0.suffered } }
  /// Planned faults that no connection has met yet.
  public var left: Int { state.withLock { $0.plan.count } }

  private func nextFault() -> Fault {
    state.withLock { state in
      state.connections += 1
      guard !state.plan.isEmpty else { return .none }
      state.suffered += 1
      return state.plan.removeFirst()
    }
  }

  // MARK: One connection

  private func serve(_ client: Int32, _ fault: Fault) {
    if case .say(let answer) = fault {
      // A request is read as far as it has come, so that the client is not reset for what it sends.
      var chunk = [UInt8](repeating: 0, count: 65_536)
      _ = recv(client, &chunk, chunk.count, 0)
      _ = Self.send(answer[...], to: client)
      shutdown(client, Int32(SHUT_WR))
      Self.drain(client)
      close(client)
      return
    }
    guard let partner = connectToTarget() else { return Self.reset(client) }
    let pair = Pair(client: client, partner: partner)
    Self.onThread {
      Self.forward(from: client, to: partner) { bytes, sent in
        guard case .resetAsking(let limit) = fault, sent + bytes.count > limit else { return .pass(bytes) }
        return .last(bytes.prefix(max(0, limit - sent)), isReset: true)
      }
      pair.end()
    }
    let edits = LengthEdit()
    Self.forward(from: partner, to: client) { bytes, sent in
      switch fault {
      case .cut(let limit) where sent + bytes.count > limit:
        return .last(bytes.prefix(max(0, limit - sent)), isReset: false)
      case .reset(let limit) where sent + bytes.count > limit:
        return .last(bytes.prefix(max(0, limit - sent)), isReset: true)
      case .stall(let limit, let seconds) where sent + bytes.count > limit:
        return .stall(bytes.prefix(max(0, limit - sent)), seconds: seconds)
      case .drip(let count, let pause) where sent < count: return .drip(bytes, count: count - sent, pause: pause)
      case .wrongLength(let change): return .pass(edits.edited(bytes, by: change))
      default: return .pass(bytes)
      }
    }
    pair.end()
  }

  /// `POLLRDHUP`, which Swift does not see.
  private static let hangUp: Int16 = 0x2000

  private enum Step {
    case pass(ArraySlice<UInt8>)
    case drip(ArraySlice<UInt8>, count: Int, pause: Double)
    case last(ArraySlice<UInt8>, isReset: Bool)
    case stall(ArraySlice<UInt8>, seconds: Double)
  }

  private static func forward(
    from source: Int32, to target: Int32, _ step: (_ bytes: ArraySlice<UInt8>, _ sent: Int) -> Step
  ) {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    var sent = 0
    while case let count = recv(source, &chunk, chunk.count, 0), count > 0 {
      let bytes = chunk[..<count]
      switch step(bytes, sent) {
      case .pass(let bytes): if !send(bytes, to: target) { return }
      case .drip(let bytes, let count, let pause):
        for byte in bytes.prefix(count) {
          usleep(UInt32(pause * 1e6))
          if !send([byte], to: target) { return }
        }
        if !send(bytes.dropFirst(count), to: target) { return }
      case .last(let bytes, let isReset):
        _ = send(bytes, to: target)
        if isReset { resetAtClose(target, source) }
        return
      case .stall(let bytes, let seconds):
        _ = send(bytes, to: target)
        // Until then, or until the client gives up.
        var entry = pollfd(fd: target, events: hangUp, revents: 0)
        poll(&entry, 1, Int32(seconds * 1000))
        resetAtClose(target, source)
        return
      }
      sent += count
    }
    // What the other side has ended has an end here too.
    shutdown(target, Int32(SHUT_WR))
  }

  /// Both sides of a connection, closed when both directions have come to their end; either end wakes the other.
  private final class Pair: Sendable {
    private let client: Int32
    private let partner: Int32
    private let ended = Mutex(0)

    init(client: Int32, partner: Int32) {
      self.client = client
      self.partner = partner
    }

    func end() {
      ended.withLock { ended in
        ended += 1
        if ended == 1 {
          // A side that is to be reset is, at once; what is under way to the other is not lost.
          for side in [client, partner] { shutdown(side, Int32(SHUT_RD)) }
        } else {
          close(client)
          close(partner)
        }
      }
    }
  }

  private func connectToTarget() -> Int32? {
    let partner = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(target).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(partner, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if result == 0 { return partner }
    close(partner)
    return nil
  }

  private static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func drain(_ descriptor: Int32) {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while recv(descriptor, &chunk, chunk.count, 0) > 0 {}
  }

  /// With `SO_LINGER` 0 closing a connection sends RST.
  private static func resetAtClose(_ descriptors: Int32...) {
    var now = linger(l_onoff: 1, l_linger: 0)
    for descriptor in descriptors {
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }
  }

  private static func reset(_ descriptor: Int32) {
    resetAtClose(descriptor)
    close(descriptor)
  }

  private static func onThread(_ body: @escaping @Sendable () -> Void) {
    let start = Unmanaged.passRetained(Start(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let result = pthread_create(&thread, &attributes, runStart, start.toOpaque())
    pthread_attr_destroy(&attributes)
    precondition(result == 0, "no thread: errno \(result)")
  }

  fileprivate final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}

// A C callback must be a plain function: a closure could inherit an actor's isolation and trap.
private func runStart(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let argument { Unmanaged<FaultProxy.Start>.fromOpaque(argument).takeRetainedValue().body() }
  return nil
}

/// Changes the `Content-Length` of the answers that go by, where one stands whole in what came at once.
private struct LengthEdit {
  func edited(_ bytes: ArraySlice<UInt8>, by change: Int) -> ArraySlice<UInt8> {
    let text = Array(bytes)
    let name = Array("content-length: ".utf8)
    guard text.count > name.count,
      let start = (0...(text.count - name.count)).first(where: { index in
        zip(text[index...], name).allSatisfy { $0 | 0x20 == $1 | 0x20 }
      })
    else { return bytes }
    let digits = text[(start + name.count)...].prefix { (0x30...0x39).contains($0) }
    guard let length = Int(String(decoding: digits, as: UTF8.self)) else { return bytes }
    return (text[..<digits.startIndex] + Array("\(max(0, length + change))".utf8) + text[digits.endIndex...])[...]
  }
}
