/// What a handler answers.
public struct LoopbackResponse: Sendable {
  /// Where the body comes from.
  public enum Body: Sendable {
    case bytes([UInt8])
    /// The file is opened when the answer is sent; 500 when it cannot be.
    case file(String)
  }

  /// What goes wrong on the way.
  public enum Fault: Hashable, Sendable {
    case none
    /// The connection is closed and nothing is sent.
    case closeWithoutAnswer
    /// The headers promise the whole body; the connection is closed after so many bytes of it.
    case truncate(afterBytes: Int)
    /// The body stops for so many seconds after so many bytes, then goes on.
    case stall(afterBytes: Int, seconds: Double)
  }

  /// The status code.
  public var status: Int
  /// Beside those that HTTP needs, which the server adds.
  public var headers: [(name: String, value: String)]
  public var body: Body
  /// How long the server waits before it answers.
  public var delaySeconds: Double
  public var fault: Fault

  public init(
    status: Int = 200, headers: [(name: String, value: String)] = [], body: Body = .bytes([]),
    delaySeconds: Double = 0, fault: Fault = .none
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.delaySeconds = delaySeconds
    self.fault = fault
  }

  /// An answer of text; JSON unless told.
  public init(
    status: Int = 200, text: String, contentType: String = "application/json",
    headers: [(name: String, value: String)] = []
  ) {
    self.init(status: status, headers: [("Content-Type", contentType)] + headers, body: .bytes(Array(text.utf8)))
  }
}
