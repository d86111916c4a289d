import CPlatform
import Glibc

/// Writing to the standard streams, whole or with the reason why not. C's `stdout` is not safe to use from Swift 6.
public enum StandardOutput {
  /// Why nothing more can be written.
  public struct Closed: Error, Sendable {
    /// `errno`; EPIPE when the reader (`head`, `less`) has gone.
    public let code: Int32
  }

  /// Columns of the terminal that standard output is; 0 when it is a pipe or a file.
  public static var columns: Int { Int(cplatform_terminal_columns(STDOUT_FILENO)) }

  /// Columns of the terminal that standard error is; 0 when it is none.
  public static var errorColumns: Int { Int(cplatform_terminal_columns(STDERR_FILENO)) }

  /// Writes bytes to standard output.
  public static func write(_ bytes: borrowing [UInt8]) throws(Closed) { try write(bytes, to: STDOUT_FILENO) }

  /// Writes text to standard output.
  public static func write(_ text: String) throws(Closed) { try write(Array(text.utf8), to: STDOUT_FILENO) }

  /// Writes text to standard error; if that fails there is nobody to tell.
  public static func writeError(_ text: String) { try? write(Array(text.utf8), to: STDERR_FILENO) }

  private static func write(_ bytes: borrowing [UInt8], to descriptor: Int32) throws(Closed) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        throw Closed(code: code)
      }
      written += count
    }
  }
}
