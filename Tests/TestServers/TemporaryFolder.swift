import FoundationEssentials
import Glibc
import Synchronization

/// A folder that goes with its last reference, at the latest when this process exits.
public final class TemporaryFolder: Sendable {
  /// Absolute; short enough for a unix socket inside.
  public let path: String

  /// - Parameter owner: a user to give it to, so that a program that runs as that user can write there.
  public init(owner: String? = nil) throws {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template =
      Array((base.utf8.count > 40 ? "/tmp" : base).utf8CString.dropLast()) + Array("/syncer-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestServerError("mkdtemp: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if let owner {
      guard let entry = getpwnam(owner) else { throw TestServerError("no user \(owner)") }
      chown(path, entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
    _ = removalAtExit
    living.withLock { _ = $0.insert(path) }
  }

  deinit {
    living.withLock { _ = $0.remove(path) }
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Path of a file inside.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file inside and gives its path.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    let path = file(name)
    guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
      throw TestServerError("cannot write \(path)")
    }
    return path
  }

  /// Writes a file of any bytes inside and gives its path.
  public func file(_ name: String, _ bytes: some Sequence<UInt8>, mode: mode_t = 0o600) -> String {
    let path = file(name)
    let isWritten = FileManager.default.createFile(atPath: path, contents: Data(bytes)) && chmod(path, mode) == 0
    precondition(isWritten, "cannot write \(path)")
    return path
  }
}

private let living = Mutex<Set<String>>([])
private let removalAtExit = atexit(removeLivingFolders)

private func removeLivingFolders() {
  for path in living.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
}

/// A throwaway server or program did not do what a test needs.
public struct TestServerError: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
