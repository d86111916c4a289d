import Glibc

/// A password or token that the configuration points at. It is read when it is needed, and again after the partner
/// refused it, so that a rotated secret is taken up without a restart.
///
/// Printing one, also by `dump` or in a collection, shows `***`.
public struct Secret: Sendable, Hashable {
  /// Where a secret comes from.
  public enum Source: Sendable, Hashable {
    /// A file that holds it; `${CREDENTIALS_DIRECTORY}` in the path is replaced when it is read.
    case file(String)
    /// A command that prints it.
    case command(SecretCommand)
    /// The text itself, in the configuration file.
    case inline(String)
  }

  public let source: Source
  /// The key that named it, for messages: `airflow[0].password_file`.
  public let key: String

  public init(_ source: Source, key: String) {
    self.source = source
    self.key = key
  }

  /// The secret itself, without the newlines at its end. Blocks while a file is read (64 KiB at most) or a command runs
  /// (10 s at most), so call it off the cooperative pool.
  ///
  /// - Throws: ``SecretError`` that names the key, the file and what to do.
  public func read() throws(SecretError) -> String {
    try read(credentialsDirectory: Self.credentialsDirectory)
  }

  func read(credentialsDirectory: String?) throws(SecretError) -> String {
    switch source {
    case .inline(let text): return text
    case .file(let path):
      let path = try expanded(path, credentialsDirectory)
      do {
        return try text(of: SmallFile.read(path, limit: Self.limit).bytes, from: path)
      } catch let problem as SmallFile.Problem {
        throw SecretError(kind: .unreadable, key: key, message: "\(path): \(problem.description); \(advice(problem))")
      } catch let error as SecretError {
        throw error
      } catch {
        throw SecretError(kind: .unreadable, key: key, message: "\(path): cannot be read")
      }
    case .command(let command):
      do {
        return try text(of: command.run(), from: "the command")
      } catch let problem as SecretCommand.Problem {
        throw SecretError(kind: .commandFailed, key: key, message: problem.description)
      } catch let error as SecretError {
        throw error
      } catch {
        throw SecretError(kind: .commandFailed, key: key, message: "the command could not be run")
      }
    }
  }

  /// What an operator should mend although the secret can be read: a file that everybody may read or write. nil when
  /// there is nothing to say.
  public var warning: String? {
    guard case .file(let path) = source, let path = try? expanded(path, Self.credentialsDirectory) else { return nil }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & 0o006 != 0 else { return nil }
    let mode = String(status.st_mode & 0o777, radix: 8)
    return "\(key): \(path) can be read or changed by every user of this machine (mode 0\(mode)); "
      + "run: chmod o-rwx \(path)"
  }

  static let limit = 65_536
  static let directoryVariable = "CREDENTIALS_DIRECTORY"

  private static var credentialsDirectory: String? { getenv(directoryVariable).map { String(cString: $0) } }

  private func expanded(_ path: String, _ directory: String?) throws(SecretError) -> String {
    guard let variable = path.firstRange(of: "${\(Self.directoryVariable)}") else { return path }
    guard let directory, !directory.isEmpty else {
      throw SecretError(
        kind: .unreadable, key: key,
        message:
          "\(path): CREDENTIALS_DIRECTORY is not set; it is set by systemd for the service, from LoadCredential= "
          + "in its unit; outside of the service, set it to the folder that holds the secrets")
    }
    return path.replacingCharacters(in: variable, with: directory)
  }

  private func text(of bytes: [UInt8], from origin: String) throws(SecretError) -> String {
    let end = bytes.lastIndex { $0 != 0x0A && $0 != 0x0D }.map { $0 + 1 } ?? 0
    func unusable(_ message: String) -> SecretError {
      SecretError(kind: .unusable, key: key, message: "\(origin) \(message)")
    }
    guard end > 0 else { throw unusable("gave nothing: the secret is empty; put it there, on one line") }
    guard !bytes[..<end].contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0 }) else {
      throw unusable("gave more than one line; the secret must stand there alone")
    }
    guard let text = String(validating: bytes[..<end], as: UTF8.self) else {
      throw unusable("gave bytes that are no UTF-8 text")
    }
    return text
  }

  private func advice(_ problem: SmallFile.Problem) -> String {
    switch problem {
    case .system(ENOENT), .system(ENOTDIR): "put the secret there, or name the right file"
    case .system(EACCES), .system(EPERM): "let the user that runs airflow-syncer read it"
    case .notARegularFile, .tooLarge: "name a file that holds nothing but the secret"
    default: "check the file and its folder"
    }
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "***" }
  public var debugDescription: String { "***" }
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension Secret.Source: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "***" }
  public var debugDescription: String { "***" }
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension String {
  /// The first place of `other`, compared by scalars.
  func firstRange(of other: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
      start = index(after: start)
    }
    return nil
  }

  func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
    self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
