import Glibc

/// Unix sockets by path, of any length.
enum LocalSocket {
  /// A new socket, nonblocking and close-on-exec.
  static func make() throws(LocalSocketError) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { throw LocalSocketError(errno) }
    return descriptor
  }

  /// Calls `bind` or `connect` with the address of `path`.
  ///
  /// An address holds 107 bytes. What is longer is reached from its folder, which is opened first.
  static func withAddress(
    of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(LocalSocketError) {
    guard path.utf8.count > limit else { return try call(path, body) }
    let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let folder = open(String(path.dropLast(name.count)), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw LocalSocketError(errno) }
    defer { close(folder) }
    let short = "/proc/self/fd/\(folder)/\(name)"
    guard short.utf8.count <= limit else { throw LocalSocketError(ENAMETOOLONG) }
    try call(short, body)
  }

  private static let limit = 107

  private static func call(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(LocalSocketError) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard result == 0 else { throw LocalSocketError(errno) }
  }
}

/// Why a unix socket could not be made or reached.
public struct LocalSocketError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What happened.
  public enum Kind: Hashable, Sendable {
    /// Nobody listens there.
    case nobody
    /// This user may not use it.
    case forbidden
    /// Another process listens there.
    case taken
    /// Something else has that name.
    case notASocket
    /// There was no whole answer in time.
    case silent
    /// Any other failure of a system call, by its errno.
    case system(Int32)
  }

  public var kind: Kind

  init(_ kind: Kind) { self.kind = kind }

  init(_ code: Int32) {
    kind =
      switch code {
      case ENOENT, ECONNREFUSED, ENOTDIR: .nobody
      case EACCES, EPERM: .forbidden
      default: .system(code)
      }
  }

  public var description: String {
    switch kind {
    case .nobody: "nobody listens there"
    case .forbidden: "this user may not use it"
    case .taken: "another process listens there"
    case .notASocket: "there is a file of that name that is no socket"
    case .silent: "there was no answer in time"
    case .system(let code): String(cString: strerror(code))
    }
  }
}
