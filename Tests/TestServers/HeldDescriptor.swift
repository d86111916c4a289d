import Glibc

/// What a child has between its start and the program that it runs: a second descriptor of a file that this process has
/// open.
public final class HeldDescriptor {
  private let descriptor: Int32

  /// - Throws: ``TestServerError`` when this process does not have the file open.
  public init(of path: String) throws {
    guard let wanted = realpath(path, nil) else { throw TestServerError("no \(path)") }
    defer { free(wanted) }
    for candidate in 0..<Int32(getdtablesize()) {
      var named = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/self/fd/\(candidate)", &named, named.count - 1)
      guard count > 0, strcmp(named, wanted) == 0 else { continue }
      descriptor = fcntl(candidate, F_DUPFD_CLOEXEC, 0)
      return
    }
    throw TestServerError("\(path) is not open")
  }

  deinit { close(descriptor) }
}
