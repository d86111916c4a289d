import Glibc

/// A JSON document of any size up to 4 GiB, read as a stream with a ``JSONCursor``.
///
/// Beside the bytes, reading needs four bytes of memory for each bracket, comma, colon and scalar. Bytes that are no
/// UTF-8 within strings are no error: strings keep them reversibly (``Swift/String/init(lossless:)``). A byte order
/// mark is passed over.
public final class JSONDocument: Sendable {
  private enum Storage: Sendable {
    case bytes([UInt8])
    case file(FileMapping)
  }

  private let storage: Storage
  /// The file's path, or what the caller called the bytes; named in every error.
  public let source: String

  /// - Parameter source: what the bytes are, for errors
  public init(bytes: [UInt8], source: String) {
    storage = .bytes(bytes)
    self.source = source
  }

  /// Maps a file into memory, without a copy. For files that only this program writes: when somebody cuts the file
  /// shorter while it is read, the system ends the process; use ``init(readingFile:maximumBytes:)`` for those.
  /// Throws ``JSONError`` when the path is not a regular file that can be opened.
  public init(mappingFile path: String) throws {
    storage = .file(try FileMapping(path: path))
    source = path
  }

  /// Reads a whole file into memory, so that nobody can change it any more. For files that another program may be
  /// writing (dbt's `target` folder). Throws ``JSONError`` when it cannot be read or has more than `maximumBytes`.
  public init(readingFile path: String, maximumBytes: Int = 1 << 32) throws {
    storage = .bytes(try FileContents.read(path: path, maximumBytes: maximumBytes))
    source = path
  }

  /// Reads the document from its root and checks that nothing follows it. Rethrows what `body` throws; throws
  /// ``JSONError`` when the bytes are not one JSON document. May be called again.
  public func read<R>(_ body: (inout JSONCursor) throws -> R) throws -> R {
    switch storage {
    case .bytes(let bytes):
      try bytes.withUnsafeBufferPointer { try JSONTokens.read($0, source: source, isStrict: false, body) }
    case .file(let mapping):
      try withExtendedLifetime(mapping) {
        try JSONTokens.read(mapping.bytes, source: source, isStrict: false, body)
      }
    }
  }
  /// Reads one value again, or one that was passed over, as if it were the whole document.
  ///
  /// - Parameter range: the bytes of the value, as ``JSONCursor/byteOffset`` tells them; white space after it may be
  ///   among them.
  public func read<R>(bytes range: Range<Int>, _ body: (inout JSONCursor) throws -> R) throws -> R {
    func part(_ whole: UnsafeBufferPointer<UInt8>) throws -> R {
      let range = range.clamped(to: 0..<whole.count)
      return try JSONTokens.read(
        UnsafeBufferPointer(rebasing: whole[range]), source: source, isStrict: false, skippedBytes: range.lowerBound,
        body)
    }
    switch storage {
    case .bytes(let bytes): return try bytes.withUnsafeBufferPointer(part)
    case .file(let mapping): return try withExtendedLifetime(mapping) { try part(mapping.bytes) }
    }
  }
}
