/// A request as the stand-in received it.
public struct StandInRequest: Sendable {
  /// In capitals.
  public var method: String
  /// Decoded, without query.
  public var path: String
  /// Names and values in order, decoded.
  public var query: [(String, String)]
  /// The value of `Authorization`.
  public var authorization: String?
  /// The value of `Range`.
  public var range: String?
  /// The value of `If-Range`.
  public var ifRange: String?

  public init(
    method: String = "GET", path: String, query: [(String, String)] = [], authorization: String? = nil,
    range: String? = nil, ifRange: String? = nil
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.authorization = authorization
    self.range = range
    self.ifRange = ifRange
  }

  /// The first value of a parameter.
  public func parameter(_ name: String) -> String? { query.first { $0.0 == name }?.1 }

  /// The token, sent as `Token …` or `Bearer …`.
  var token: String? {
    guard let parts = authorization?.split(separator: " ", maxSplits: 1), parts.count == 2,
      ["token", "bearer"].contains(parts[0].lowercased())
    else { return nil }
    return String(parts[1])
  }
}

/// An answer of the stand-in before it goes to the wire.
public struct StandInAnswer: Sendable {
  /// Where the body comes from.
  public enum Body: Sendable {
    case bytes([UInt8])
    case file(String)
  }

  /// The HTTP status.
  public var status: Int
  /// Beside those that HTTP needs.
  public var headers: [(String, String)]
  /// What is sent.
  public var body: Body
  /// How long the server waits before it answers.
  public var delayMilliseconds = 0
  /// The connection ends in the middle of the body.
  public var isTruncated = false

  static func json(_ bytes: [UInt8], status: Int = 200) -> StandInAnswer {
    StandInAnswer(status: status, headers: [("Content-Type", "application/json")], body: .bytes(bytes))
  }

  static func failure(_ status: Int, _ message: String) -> StandInAnswer {
    .json(APIText.failure(status, message), status: status)
  }

  static let notFound = failure(
    404, "The requested resource was not found. Please check that you have the proper permissions.")
}
