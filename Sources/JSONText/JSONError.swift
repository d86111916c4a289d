/// Why JSON text could not be read, and where.
///
/// Nothing here is mended by trying the same bytes again. When the text was just downloaded and ``Kind/truncated`` is
/// said, a new download may help; else whoever wrote the text has to write it anew.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What sort of fault it is.
  public enum Kind: Hashable, Sendable {
    /// The text ends before the document does, or is empty.
    case truncated
    /// The text is not JSON.
    case malformed
    /// A string is not text: invalid UTF-8 or half of a surrogate pair.
    case text
    /// A value is of another kind than the reader asked for.
    case unexpectedKind
    /// Brackets are nested deeper than the reader allows.
    case tooDeep
    /// More bytes than can be read.
    case tooLarge
    /// The file cannot be opened or read; `errno` is the system's reason.
    case file(errno: Int32)
    /// The reader asked for the same value twice: a fault of the program, not of the text.
    case misuse
    /// No memory is left.
    case memory
  }

  /// What sort of fault it is.
  public let kind: Kind
  /// What is wrong, in words.
  public let message: String
  /// The file's path, or what the caller called the text.
  public let source: String
  /// How many bytes stand before the fault; nil when it has no place.
  public let byteOffset: Int?

  /// - Parameters:
  ///   - kind: what sort of fault it is
  ///   - message: what is wrong, in words
  ///   - source: the file's path, or what the text is
  ///   - byteOffset: how many bytes stand before the fault
  public init(_ kind: Kind, _ message: String, source: String, byteOffset: Int? = nil) {
    self.kind = kind
    self.message = message
    self.source = source
    self.byteOffset = byteOffset
  }

  public var description: String {
    if let byteOffset { "\(source): \(message) (at byte \(byteOffset))" } else { "\(source): \(message)" }
  }
}
