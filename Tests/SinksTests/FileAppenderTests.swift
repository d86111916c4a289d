import Glibc
import TestServers
import Testing

@testable import Sinks

struct FileAppenderTests {
  private static let marker = #"{"record_version":"#
  private static func record(_ text: String) -> String { marker + #"1,"key":"\#(text)"}"# }

  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("records.ndjson")
  }

  private func appender(_ path: String? = nil) -> FileAppender {
    FileAppender(path: path ?? self.path, lineBeginning: Self.marker)
  }

  private func append(_ text: String, to file: FileAppender) throws {
    try file.open()
    try file.line { write in
      // In pieces, as a long record comes.
      let bytes = Array((Self.record(text) + "\n").utf8)
      try write(Array(bytes.prefix(7)))
      try write(Array(bytes.dropFirst(7)))
    }
    try file.sync()
  }

  private func put(_ bytes: [UInt8]) throws {
    let descriptor = creat(path, 0o640)
    #expect(descriptor >= 0)
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
  }

  private func fault(_ body: () throws -> Void) -> FileSinkError? {
    do {
      try body()
      return nil
    } catch {
      return error as? FileSinkError
    }
  }

  // MARK: Lines

  @Test func linesAreAppendedToWhatIsThere() throws {
    try append("a", to: appender())
    let file = appender()
    try append("b", to: file)
    try append("c", to: file)
    #expect(try readText(path) == ["a", "b", "c"].map { Self.record($0) + "\n" }.joined())
  }

  @Test func othersMayNotReadTheFile() throws {
    try append("a", to: appender())
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(status.st_mode & 0o600 == 0o600)
    #expect(status.st_mode & 0o137 == 0)
  }

  @Test func aLineThatCannotBeFinishedLeavesNothing() throws {
    let file = appender()
    try append("a", to: file)
    #expect(throws: TestServerError.self) {
      try file.line { write in
        try write(Array(repeating: 0x78, count: 100_000))
        throw TestServerError("the record ends")
      }
    }
    #expect(try readLines(path) == [Self.record("a")])
    try append("b", to: file)
    #expect(try readLines(path) == [Self.record("a"), Self.record("b")])
  }

  @Test func aFileThatIsEmptiedDuringALineThatFailsIsNotPaddedWithZeros() throws {
    let file = appender()
    try append("a", to: file)
    #expect(throws: TestServerError.self) {
      try file.line { write in
        truncate(path, 0)
        throw TestServerError("the record ends")
      }
    }
    #expect(try readFile(path) == [])
  }

  @Test func aFileThatWasClosedIsFreeThoughAChildIsBeingStarted() throws {
    let first = appender()
    try append("a", to: first)
    let held = try HeldDescriptor(of: path)
    first.close()
    try append("b", to: appender())
    #expect(try readLines(path) == [Self.record("a"), Self.record("b")])
    withExtendedLifetime(held) {}
  }

  // MARK: Torn ends

  @Test func aLineTornAnywhereIsCutBeforeTheNext() throws {
    let torn = Array((Self.record("é😀\\n") + "\n").utf8)
    for count in 0..<torn.count {
      for before in ["", Self.record("a") + "\n"] {
        try put(Array(before.utf8) + torn.prefix(count))
        try append("b", to: appender())
        #expect(try readText(path) == before + Self.record("b") + "\n", "torn after \(count) bytes")
      }
    }
  }

  @Test func aLineTornAtItsLineFeedStays() throws {
    try put(Array((Self.record("a") + "\n").utf8))
    try append("b", to: appender())
    #expect(try readLines(path) == [Self.record("a"), Self.record("b")])
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 300_000])
  func aLongTornLineIsCutWhole(_ length: Int) throws {
    let whole = Self.record("a") + "\n"
    try put(Array(whole.utf8) + Array(Self.marker.utf8) + [UInt8](repeating: 0x78, count: length))
    try append("b", to: appender())
    #expect(try readText(path) == whole + Self.record("b") + "\n")
  }

  @Test(arguments: [0, 1, 5, 18, 40])
  func zerosThatAPowerCutLeftAreCut(_ written: Int) throws {
    let whole = Self.record("a") + "\n"
    let torn = Array(Self.record("b").utf8.prefix(written)) + [UInt8](repeating: 0, count: 500)
    try put(Array(whole.utf8) + torn)
    try append("c", to: appender())
    #expect(try readText(path) == whole + Self.record("c") + "\n")
  }

  @Test(arguments: ["password", "{\"a\":1}", "a\nb", "x"])
  func whatSomebodyElseWroteIsNeverCut(_ text: String) throws {
    try put(Array(text.utf8))
    try append("b", to: appender())
    #expect(try readText(path) == text + "\n" + Self.record("b") + "\n")
  }

  // MARK: Rotation

  @Test func aFileThatIsMovedAwayIsFollowedByANewOne() throws {
    let file = appender()
    try append("a", to: file)
    rename(path, folder.file("records.ndjson.1"))
    try append("b", to: file)
    #expect(try readLines(folder.file("records.ndjson.1")) == [Self.record("a")])
    #expect(try readLines(path) == [Self.record("b")])
  }

  @Test func aFileThatIsCopiedAndEmptiedBeginsAnew() throws {
    let file = appender()
    try append("a", to: file)
    truncate(path, 0)
    try append("b", to: file)
    #expect(try readText(path) == Self.record("b") + "\n")
  }

  @Test func aFileThatIsRemovedBeginsAnew() throws {
    let file = appender()
    try append("a", to: file)
    unlink(path)
    try append("b", to: file)
    #expect(try readLines(path) == [Self.record("b")])
  }

  @Test func aLinkIsFollowed() throws {
    let target = folder.file("target.ndjson")
    symlink(target, path)
    let file = appender()
    try append("a", to: file)
    try append("b", to: file)
    #expect(try readLines(target) == [Self.record("a"), Self.record("b")])
  }

  // MARK: What cannot be written to

  @Test func aMissingFolderIsNamedAndWaitedFor() throws {
    let file = appender(folder.file("later/records.ndjson"))
    let fault = try #require(fault { try file.open() })
    #expect(
      fault.description == "\(folder.path)/later/records.ndjson: cannot open it: its folder does not exist: create it")
    mkdir(folder.file("later"), 0o755)
    try append("a", to: file)
    #expect(try readLines(folder.file("later/records.ndjson")) == [Self.record("a")])
  }

  @Test func aPipeIsRefusedAtOnce() throws {
    #expect(mkfifo(path, 0o600) == 0)
    let fault = try #require(fault { try appender().open() })
    #expect(fault.code == ESPIPE)
    #expect(fault.description.contains("is a pipe"))
  }

  @Test func aSocketIsRefused() throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    #expect(fault { try appender().open() }?.description.contains("a socket") == true)
  }

  @Test func aFolderIsRefused() throws {
    #expect(fault { try appender(folder.path).open() }?.description.contains("it is a folder") == true)
  }

  @Test func theNullDeviceTakesEverything() throws {
    let file = appender("/dev/null")
    try append("a", to: file)
    try append("b", to: file)
  }

  @Test func aFullDeviceIsNamed() throws {
    let fault = try #require(fault { try append("a", to: appender("/dev/full")) })
    #expect(fault.operation == "write to it")
    #expect(fault.description.contains("the file system is full"))
  }

  @Test func onlyOneWritesAFile() throws {
    var first: FileAppender? = appender()
    try first?.open()
    let second = appender()
    #expect(fault { try second.open() }?.description.contains("another process or sink") == true)
    first = nil
    try append("a", to: second)
    #expect(try readLines(path) == [Self.record("a")])
  }

  @Test(.enabled(if: SmallFileSystem.isPossible, "needs root and mount(8)"))
  func aFullFileSystemLeavesNothingHalfWrittenAndHeals() throws {
    let small = try SmallFileSystem(kilobytes: 64)
    let file = appender(small.path + "/records.ndjson")
    try append("a", to: file)
    #expect(fault { try append(String(repeating: "x", count: 200_000), to: file) }?.code == ENOSPC)
    #expect(try readLines(file.path) == [Self.record("a")])
    try append("b", to: file)
    #expect(try readLines(file.path) == [Self.record("a"), Self.record("b")])
  }
}
