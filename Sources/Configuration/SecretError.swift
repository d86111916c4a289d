/// Why a secret could not be had. Never holds the secret, nor a command's output.
public struct SecretError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What happened.
  public enum Kind: Hashable, Sendable {
    /// The file is not there, or may not be read.
    case unreadable
    /// There is a file or an answer, but no usable secret in it: empty, several lines, not UTF-8, too large.
    case unusable
    /// The command could not be started, failed, or did not end in time.
    case commandFailed
  }

  public var kind: Kind
  /// The key that names the secret, such as `dbt_cloud[0].token_file`.
  public var key: String
  /// What happened and what to do about it.
  public var message: String

  /// Whether a later try may succeed without a change of the configuration. Always true: a file can be put in place and
  /// a command can recover while the daemon runs, so whoever needs the secret waits and asks again.
  public var isSafeToRetry: Bool { true }

  public var description: String { "\(key): \(message)" }
}
