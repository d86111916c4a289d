import Synchronization

/// The text of a statement that runs again and again. Its number leads a connection to what it has prepared of it without
/// a look at the text, which hashing alone would make dearer than many a statement. Made once, as a `static let`.
public struct SQL: Sendable {
  /// The statement.
  public let text: String
  /// Counts from 0.
  public let number: Int

  private static let made = Atomic<Int>(0)

  public init(_ text: String) {
    self.text = text
    number = Self.made.wrappingAdd(1, ordering: .relaxed).oldValue
  }
}
