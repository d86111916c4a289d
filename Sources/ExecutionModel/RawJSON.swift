/// One JSON value kept as text, as it came or as the canonical writer made it. The model never looks inside.
///
/// Whoever makes one vouches that the text is a whole, valid JSON value in UTF-8 without a line break outside strings.
public struct RawJSON: Hashable, Sendable, CustomStringConvertible {
  /// The JSON text.
  public let text: String

  public init(_ text: String) { self.text = text }

  public var description: String { text }

  /// `{}`
  public static let emptyObject = RawJSON("{}")
}
