import Glibc

/// A folder for downloads that is removed with everything in it when the syncer stops. Under `TMPDIR`, else `/var/tmp`:
/// manifests are too large for a `/tmp` in memory.
final class WorkFolder: Sendable {
  let path: String

  /// - Throws: ``Unusable``
  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    Self.removeLeftovers(in: parent)
    var template = Array("\(parent)/\(Self.prefix)\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Unusable(
        description:
          "no folder for downloads can be made in \(parent) (\(String(cString: strerror(errno)))): set TMPDIR")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  struct Unusable: Error, CustomStringConvertible { let description: String }

  deinit { Self.remove(path) }

  /// Where nothing is yet.
  func freshPaths(_ count: Int) -> [String] {
    let number = UInt64.random(in: 0...UInt64.max)
    return (0..<count).map { "\(path)/files-\(number)-\($0)" }
  }

  private static let prefix = "airflow-syncer-"

  /// Removes the folders of syncers that were killed: their names tell their process.
  private static func removeLeftovers(in parent: String) {
    for name in names(in: parent) where name.hasPrefix(prefix) {
      let parts = name.dropFirst(prefix.count).split(separator: "-")
      guard parts.count == 2, let process = pid_t(parts[0]), kill(process, 0) != 0, errno == ESRCH else { continue }
      remove("\(parent)/\(name)")
    }
  }

  private static func remove(_ folder: String) {
    for name in names(in: folder) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

/// Copies a file; returns what it was, or nil when it cannot be read or changed meanwhile.
func copyFile(_ source: String, to path: String) -> FileStamp? {
  let input = open(source, O_RDONLY | O_CLOEXEC)
  guard input >= 0 else { return nil }
  defer { close(input) }
  let output = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
  guard output >= 0 else { return nil }
  defer { close(output) }
  guard let before = FileStamp(input) else { return nil }
  var left = before.bytes
  while left > 0 {
    let count = sendfile(output, input, nil, Int(min(left, 1 << 30)))
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return nil }
    left -= Int64(count)
  }
  return FileStamp(input) == before && FileStamp(path: source) == before ? before : nil
}

/// What tells one state of a file from another.
struct FileStamp: Hashable {
  let device: UInt64
  let inode: UInt64
  let bytes: Int64
  private let seconds: Int
  private let nanoseconds: Int

  /// nil when there is no such file, or it is no plain file.
  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  fileprivate init?(_ descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init?(_ status: stat) {
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    bytes = Int64(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}

/// Removes a file; that it is gone already does not matter.
func unlinkFile(_ path: String) { unlink(path) }
