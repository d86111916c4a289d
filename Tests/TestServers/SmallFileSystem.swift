import Glibc

/// A file system in memory that is soon full. Only root may make one.
public final class SmallFileSystem: Sendable {
  private let folder: TemporaryFolder
  public var path: String { folder.path }

  /// Nil where it may not be made: not root, or a container that forbids it.
  public init?(megabytes: Int) async throws {
    folder = try TemporaryFolder()
    guard getuid() == 0 else { return nil }
    let output = try await Subprocess.run(["mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder.path])
    guard output.status == 0 else { return nil }
  }

  deinit { umount2(folder.path, Int32(MNT_DETACH)) }

  /// Takes all the room that is left; gives how many bytes that were.
  @discardableResult
  public func fill() throws -> Int {
    let descriptor = open("\(path)/filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw TestServerError("open: errno \(errno)") }
    defer { close(descriptor) }
    var total = 0
    for size in [1 << 16, 1] {
      let block = [UInt8](repeating: 0, count: size)
      while true {
        let count = write(descriptor, block, size)
        guard count > 0 else { break }
        total += count
      }
    }
    return total
  }

  /// Gives the room back.
  public func empty() { unlink("\(path)/filler") }
}
