import FoundationEssentials
import Glibc
import Platform
import Synchronization
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct LocalServerTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var path: String { folder.file("s.sock") }

  private func echo(limits: LocalServer.Limits = LocalServer.Limits()) throws -> LocalServer {
    try LocalServer(path: path, limits: limits) { Array("<\($0)>".utf8) }
  }

  private func ask(_ question: String, at path: String? = nil, seconds: Double = 20) async throws -> String {
    String(decoding: try await LocalClient(path: path ?? self.path).ask(question, seconds: seconds), as: UTF8.self)
  }

  /// A client that does what it likes.
  private func connect() throws -> OpenSocket {
    let client = OpenSocket(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(client.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0, "errno \(errno)")
    return client
  }

  private func mode(_ path: String) -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : nil
  }

  @Test func aLineIsAnswered() async throws {
    let server = try echo()
    #expect(try await ask("status") == "<status>")
    #expect(mode(path) == S_IFSOCK | 0o660)
    await server.close()
    #expect(mode(path) == nil)
    let error = await #expect(throws: LocalSocketError.self) { try await ask("status") }
    #expect(error?.kind == .nobody)
  }

  @Test func aSocketThatIsAnsweredIsNotTakenWithoutItsLockEither() async throws {
    let server = try echo()
    unlink(path + ".lock")
    let error = #expect(throws: LocalSocketError.self) { try echo() }
    #expect(error?.kind == .taken)
    #expect(try await ask("status") == "<status>")
    await server.close()
  }

  @Test func aLongAnswerArrivesWhole() async throws {
    let server = try LocalServer(path: path) { Array(repeating: UInt8(ascii: "x"), count: Int($0) ?? 0) }
    for size in [1, 5_000_000, 200_000] {
      #expect(try await LocalClient(path: path).ask("\(size)", seconds: 30).count == size)
    }
    await server.close()
  }

  @Test func manyAskAtOnce() async throws {
    let server = try echo()
    let path = path
    let answers = try await withThrowingTaskGroup(of: String.self) { group in
      for number in 0..<40 {
        group.addTask {
          String(decoding: try await LocalClient(path: path).ask("\(number)", seconds: 30), as: UTF8.self)
        }
      }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(answers == Set((0..<40).map { "<\($0)>" }))
    await server.close()
  }

  @Test func whoSaysNothingOrTooMuchOrNeverReadsHoldsUpNobody() async throws {
    var limits = LocalServer.Limits()
    limits.clients = 8
    let server = try LocalServer(path: path, limits: limits) {
      $0 == "much" ? Array(repeating: 0x78, count: 8 << 20) : Array("<\($0)>".utf8)
    }
    var held: [OpenSocket] = []
    // More than there is room for.
    for _ in 0..<20 { held.append(try connect()) }
    let greedy = try connect()
    #expect(send(greedy.descriptor, "much\n", 5, Int32(MSG_NOSIGNAL)) == 5)
    let chatty = try connect()
    let noise = [UInt8](repeating: 0xFF, count: 100_000)
    _ = send(chatty.descriptor, noise, noise.count, Int32(MSG_NOSIGNAL))
    for number in 0..<5 { #expect(try await ask("still here \(number)") == "<still here \(number)>") }
    // The one that said too much was cut off.
    var byte: UInt8 = 0
    #expect(recv(chatty.descriptor, &byte, 1, 0) <= 0)
    _ = consume held
    await server.close()
  }

  @Test func whoIsSilentIsCutOff() async throws {
    var limits = LocalServer.Limits()
    limits.seconds = 0.05
    let server = try echo(limits: limits)
    let silent = try connect()
    var byte: UInt8 = 0
    #expect(recv(silent.descriptor, &byte, 1, 0) == 0)
    await server.close()
  }

  @Test func aQuestionMayEndWithTheConnection() async throws {
    let server = try echo()
    let client = try connect()
    _ = send(client.descriptor, "status", 6, Int32(MSG_NOSIGNAL))
    shutdown(client.descriptor, Int32(SHUT_WR))
    var answer = [UInt8](repeating: 0, count: 64)
    let count = recv(client.descriptor, &answer, answer.count, Int32(MSG_WAITALL))
    #expect(String(decoding: answer[..<max(0, count)], as: UTF8.self) == "<status>")
    await server.close()
  }

  @Test func aSocketThatWasLeftBehindIsReplacedAndOneInUseIsNot() async throws {
    // As after SIGKILL: the socket is there, and nobody has the lock.
    let dead = try connectableSocket()
    #expect(mode(path) != nil)
    dead.close()
    let server = try echo()
    #expect(try await ask("1") == "<1>")
    let error = #expect(throws: LocalSocketError.self) { try echo() }
    #expect(error?.kind == .taken)
    #expect(try await ask("2") == "<2>")
    await server.close()
  }

  private func connectableSocket() throws -> OpenSocket {
    let listener = OpenSocket(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0)
    return listener
  }

  @Test func aFileIsNeverReplaced() throws {
    try folder.write("mine", to: "s.sock")
    let error = #expect(throws: LocalSocketError.self) { try echo() }
    #expect(error?.kind == .notASocket)
    #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
  }

  @Test func aLongPathIsNoObstacle() async throws {
    let deep = folder.path + "/" + String(repeating: "a", count: 150)
    mkdir(deep, 0o755)
    let path = deep + "/s.sock"
    let server = try LocalServer(path: path) { Array("<\($0)>".utf8) }
    #expect(try await ask("deep", at: path) == "<deep>")
    await server.close()
    #expect(mode(path) == nil)
  }

  @Test func whoDoesNotAnswerIsNotWaitedForLong() async throws {
    let listener = try connectableSocket()
    listen(listener.descriptor, 1)
    let error = await #expect(throws: LocalSocketError.self) { try await ask("status", seconds: 0.1) }
    #expect(error?.kind == .silent)
  }

  @Test func aFolderThatIsNotThereIsSaid() throws {
    #expect(throws: LocalSocketError.self) { try LocalServer(path: folder.file("no/s.sock")) { _ in [] } }
  }
}

/// A socket that is closed with its last reference.
private final class OpenSocket {
  private(set) var descriptor: Int32
  init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { close() }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }
}
