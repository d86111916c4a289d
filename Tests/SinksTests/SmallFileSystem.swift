import Glibc
import TestServers

/// A file system in memory that is soon full. It goes with its last reference.
final class SmallFileSystem: Sendable {
  /// Whether one can be mounted here: only root may, and not in every container.
  static let isPossible = (try? SmallFileSystem(kilobytes: 64)) != nil

  let path: String
  private let folder: TemporaryFolder

  init(kilobytes: Int) throws {
    folder = try TemporaryFolder()
    path = folder.path
    try mount(flags: 0, kilobytes: kilobytes)
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  func resize(kilobytes: Int) throws { try mount(flags: UInt(MS_REMOUNT), kilobytes: kilobytes) }

  private func mount(flags: UInt, kilobytes: Int) throws {
    guard Glibc.mount("tmpfs", path, "tmpfs", flags, "size=\(kilobytes)k") == 0 else {
      throw TestServerError("mount: errno \(errno)")
    }
  }
}
