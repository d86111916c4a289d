import HTTPClient

/// What a backend says, made fit to be kept and shown: of bounded length and without the secrets that it was sent, which
/// some servers repeat.
enum AnswerText {
  /// The beginning of an answer, as it came.
  static func beginning(_ answer: [UInt8], limit: Int, hiding secrets: [String]) -> String {
    String(decoding: SecretMask(secrets).masked(answer).prefix(limit), as: UTF8.self)
  }

  /// The beginning of an answer for a line of a log or a terminal: no line breaks, no control characters.
  static func line(_ answer: [UInt8], limit: Int, hiding secrets: [String]) -> String {
    beginning(answer, limit: limit, hiding: secrets).unicodeScalars
      .split { $0.properties.isWhitespace || $0.properties.generalCategory == .control }
      .map { String(String.UnicodeScalarView($0)) }.joined(separator: " ")
  }
}
