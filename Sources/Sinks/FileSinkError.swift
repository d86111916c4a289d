import Glibc

/// Why a file sink could not be written. All is tried again; nothing is lost.
public struct FileSinkError: Error, Hashable, Sendable, CustomStringConvertible {
  /// `sinks[].path`
  public let path: String
  /// What could not be done: "open it" and so on.
  public let operation: String
  /// `errno`
  public let code: Int32

  public var description: String {
    let advice =
      switch code {
      case ENOSPC, EDQUOT: "the file system is full: free some room; the record is written again then"
      case EACCES, EPERM: "this user may not write there: give the folder to the user airflow-syncer"
      case ENOENT, ENOTDIR: "its folder does not exist: create it"
      case EROFS: "the file system is read-only (systemd: add the folder to ReadWritePaths=)"
      case EISDIR: "it is a folder: set `path` to a file"
      case ESPIPE, ENXIO: "it is a pipe or a socket: set `path` to a file, and let the reader follow that (tail -F)"
      case EBUSY: "another process or sink has it open for writing: give each a `path` of its own"
      case EFBIG: "it may not grow any further: raise the limit of its size or rotate it"
      default: String(cString: strerror(code))
      }
    return "\(path): cannot \(operation): \(advice)"
  }
}
