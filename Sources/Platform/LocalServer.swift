import Glibc
import Synchronization

/// Answers lines of processes of this machine over a unix socket: one line in, one answer out, then the connection
/// ends. One thread serves all; a client that is slow, silent or says nonsense holds up none of the others.
///
/// A file with `.lock` after the socket's name tells whether a process listens, so that a socket that was left behind
/// by one that was killed is replaced, and one that is in use is not.
public final class LocalServer: Sendable {
  /// What a client may use up.
  public struct Limits: Sendable {
    /// Connections at once; the one that has waited longest with its question gives way to a new one.
    public var clients = 64
    /// Bytes of a question.
    public var question = 1024
    /// Seconds for a question, and for taking the answer; for making the answer twice as many.
    public var seconds = 5.0
    public init() {}
  }

  private let loop: LocalServerLoop
  private let work: Task<Void, Never>

  /// Listens from now on.
  /// - Parameters:
  ///   - path: of the socket; its folder must be there.
  ///   - mode: of the socket, whatever the umask.
  ///   - answer: called for each line, without its end.
  /// - Throws: ``LocalSocketError``
  public init(
    path: String, mode: UInt32 = 0o660, limits: Limits = Limits(),
    answer: @escaping @Sendable (String) async -> [UInt8]
  ) throws {
    let place = try LocalServerPlace(path: path, mode: mode)
    let loop = LocalServerLoop(place, limits, answer)
    self.loop = loop
    work = Task { await loop.run() }
  }

  deinit { loop.stop() }

  /// Ends every connection and removes the socket.
  public func close() async {
    loop.stop()
    await work.value
  }
}

/// The socket in its folder, and the lock that says that it is ours.
private struct LocalServerPlace: ~Copyable, Sendable {
  let listener: Int32
  private let lock: Int32
  private let path: String

  init(path: String, mode: UInt32) throws(LocalSocketError) {
    self.path = path
    lock = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard lock >= 0 else { throw LocalSocketError(errno) }
    let lock = lock
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      Glibc.close(lock)
      throw code == EWOULDBLOCK ? LocalSocketError(.taken) : LocalSocketError(code)
    }
    do { listener = try Self.listen(at: path, mode: mode) } catch {
      Glibc.close(lock)
      throw error
    }
  }

  private static func listen(at path: String, mode: UInt32) throws(LocalSocketError) -> Int32 {
    var status = stat()
    if lstat(path, &status) == 0 {
      // What is no socket was not left behind by one of us.
      guard status.st_mode & S_IFMT == S_IFSOCK else { throw LocalSocketError(.notASocket) }
      // Its lock may have been deleted under the one that listens.
      guard !isAnswered(path) else { throw LocalSocketError(.taken) }
      guard unlink(path) == 0 else { throw LocalSocketError(errno) }
    }
    let listener = try LocalSocket.make()
    do throws(LocalSocketError) {
      try LocalSocket.withAddress(of: path) { bind(listener, $0, $1) }
      guard chmod(path, mode) == 0, Glibc.listen(listener, 64) == 0 else { throw LocalSocketError(errno) }
    } catch {
      Glibc.close(listener)
      throw error
    }
    return listener
  }

  private static func isAnswered(_ path: String) -> Bool {
    guard let descriptor = try? LocalSocket.make() else { return false }
    defer { Glibc.close(descriptor) }
    do { try LocalSocket.withAddress(of: path) { connect(descriptor, $0, $1) } } catch {
      // So many connections wait there that it takes no more.
      return error.kind == .system(EAGAIN)
    }
    return true
  }

  deinit {
    unlink(path)
    Glibc.close(listener)
    Glibc.close(lock)
  }
}

/// The thread that waits for all connections at once.
private actor LocalServerLoop {
  private let executor = ThreadExecutor(name: "status-socket")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private struct Letters {
    var answers: [(client: UInt64, bytes: [UInt8])] = []
    var isStopped = false
  }

  private final class Mailbox: Sendable {
    let letters = Mutex(Letters())
    let wakeUp = WakeUp()
  }

  private struct Client {
    enum Phase {
      case asking([UInt8])
      case waiting
      case reading(answer: [UInt8], sent: Int)
    }
    var descriptor: Int32
    var number: UInt64
    var phase: Phase
    var deadline: Double
  }

  private var place: LocalServerPlace?
  private let limits: LocalServer.Limits
  private let answer: @Sendable (String) async -> [UInt8]
  private nonisolated let mailbox = Mailbox()
  private var clients: [Client] = []
  private var lastNumber: UInt64 = 0
  /// No connection is taken before this time: there was no descriptor left for one.
  private var listensAgainAt = 0.0

  init(
    _ place: consuming LocalServerPlace, _ limits: LocalServer.Limits,
    _ answer: @escaping @Sendable (String) async -> [UInt8]
  ) {
    self.place = consume place
    self.limits = limits
    self.answer = answer
  }

  nonisolated func stop() {
    mailbox.letters.withLock { $0.isStopped = true }
    mailbox.wakeUp.fire()
  }

  func run() {
    let listener = place?.listener ?? -1
    while true {
      var now = monotonicSeconds()
      let listens = now >= listensAgainAt
      var entries = [
        pollfd(fd: mailbox.wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: listens ? listener : -1, events: Int16(POLLIN), revents: 0),
      ]
      for client in clients {
        let events: Int16 =
          switch client.phase {
          case .asking: Int16(POLLIN)
          // Tells that the client has gone.
          case .waiting: 0
          case .reading: Int16(POLLOUT)
          }
        entries.append(pollfd(fd: client.descriptor, events: events, revents: 0))
      }
      let next = clients.map(\.deadline).min().map { max(0, $0 - now) }
      let wait = [next, listens ? nil : listensAgainAt - now].compactMap(\.self).min()
      poll(&entries, nfds_t(entries.count), wait.map { Int32(min($0, 60) * 1000) + 1 } ?? -1)
      now = monotonicSeconds()

      mailbox.wakeUp.clear()
      let letters = mailbox.letters.withLock { letters in
        defer { letters.answers = [] }
        return letters
      }
      if letters.isStopped { break }
      let ready = entries.dropFirst(2).filter { $0.revents != 0 }.map(\.fd)
      clients = clients.compactMap { client in
        var client = client
        if client.deadline <= now { return end(client) }
        if ready.contains(client.descriptor), !goOn(&client, now) { return end(client) }
        return client
      }
      for letter in letters.answers {
        guard let index = clients.firstIndex(where: { $0.number == letter.client }) else { continue }
        clients[index].phase = .reading(answer: letter.bytes, sent: 0)
        clients[index].deadline = now + limits.seconds
        if !goOn(&clients[index], now) { _ = end(clients.remove(at: index)) }
      }
      if entries[1].revents != 0 { takeConnections(listener, now) }
    }
    for client in clients { close(client.descriptor) }
    clients = []
    place = nil
  }

  private func end(_ client: Client) -> Client? {
    close(client.descriptor)
    return nil
  }

  private func takeConnections(_ listener: Int32, _ now: Double) {
    while true {
      let descriptor = accept(listener, nil, nil)
      guard descriptor >= 0 else {
        // Else the same connection would wake the thread again at once.
        if errno == EMFILE || errno == ENFILE || errno == ENOMEM { listensAgainAt = now + 0.2 }
        return
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      if clients.count >= limits.clients { _ = end(clients.remove(at: longestAsking ?? 0)) }
      lastNumber += 1
      clients.append(
        Client(descriptor: descriptor, number: lastNumber, phase: .asking([]), deadline: now + limits.seconds))
    }
  }

  private var longestAsking: Int? { clients.firstIndex { if case .asking = $0.phase { true } else { false } } }

  /// Returns whether the client is to be kept.
  private func goOn(_ client: inout Client, _ now: Double) -> Bool {
    switch client.phase {
    case .asking(let text): return read(&client, text, now)
    case .waiting: return false
    case .reading(let answer, let sent): return write(&client, answer, sent)
    }
  }

  private func read(_ client: inout Client, _ text: [UInt8], _ now: Double) -> Bool {
    var text = text
    var chunk = [UInt8](repeating: 0, count: limits.question + 1)
    let count = recv(client.descriptor, &chunk, chunk.count, 0)
    if count < 0 { return errno == EAGAIN || errno == EINTR }
    text += chunk[..<count]
    let end = text.firstIndex { $0 == 0x0A }
    // A client that ends its side has asked; one that said nothing has gone.
    guard end != nil || count == 0 else {
      client.phase = .asking(text)
      return text.count <= limits.question
    }
    guard !text.isEmpty, (end ?? text.count) <= limits.question else { return false }
    let question = String(decoding: text[..<(end ?? text.count)].filter { $0 != 0x0D }, as: UTF8.self)
    client.phase = .waiting
    client.deadline = now + 2 * limits.seconds
    let (number, answer, mailbox) = (client.number, answer, mailbox)
    Task {
      let bytes = await answer(question)
      mailbox.letters.withLock { $0.answers.append((number, bytes)) }
      mailbox.wakeUp.fire()
    }
    return true
  }

  private func write(_ client: inout Client, _ answer: [UInt8], _ sent: Int) -> Bool {
    var sent = sent
    while sent < answer.count {
      let count = answer.withUnsafeBytes {
        send(client.descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0 {
        if errno == EINTR { continue }
        guard errno == EAGAIN else { return false }
        client.phase = .reading(answer: answer, sent: sent)
        return true
      }
      sent += count
    }
    return false
  }
}
