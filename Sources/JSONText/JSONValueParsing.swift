extension JSONValue {
  /// Reads a whole small document.
  ///
  /// The text of numbers is kept, `NaN`, `Infinity` and `-Infinity` (which Python writes) included; members stay in
  /// order, duplicates too. Everything is checked.
  ///
  /// - Parameters:
  ///   - bytes: one JSON document in UTF-8, white space around it allowed
  ///   - source: what the bytes are, for errors
  ///   - maximumDepth: how deep brackets may be nested, at most 512
  /// - Throws: ``JSONError`` with the offset of the fault: not JSON, invalid UTF-8, half a surrogate pair, too deep,
  ///   something after the end.
  public init(
    parsing bytes: some Collection<UInt8>, source: String = "JSON text", maximumDepth: Int = 64
  ) throws(JSONError) {
    let result =
      bytes.withContiguousStorageIfAvailable { Self.parse($0, source, maximumDepth) }
      ?? Array(bytes).withUnsafeBufferPointer { Self.parse($0, source, maximumDepth) }
    self = try result.get()
  }

  /// Reads a whole small document from text; see ``init(parsing:source:maximumDepth:)``.
  public init(parsing text: String, source: String = "JSON text", maximumDepth: Int = 64) throws(JSONError) {
    var text = text
    self = try text.withUTF8 { Self.parse($0, source, maximumDepth) }.get()
  }

  private static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, _ source: String, _ maximumDepth: Int
  ) -> Result<JSONValue, JSONError> {
    do {
      return .success(
        try JSONTokens.read(bytes, source: source, isStrict: true) { try $0.value(maximumDepth: maximumDepth) })
    } catch let error as JSONError {
      return .failure(error)
    } catch {
      return .failure(JSONError(.malformed, "\(error)", source: source))
    }
  }
}
