/// The answer to a request, whatever its status.
public struct HTTPResponse: Sendable {
  /// The status code: 200, 404 and so on. Also 200 when the rest of a file came (206) and the file is whole now.
  public var status: Int
  /// In the order they came.
  public var headers: [(name: String, value: String)]
  /// The body, content encoding undone. Empty when it went to a file or was discarded.
  public var body: [UInt8]
  /// How many bytes the body has once its content encoding is undone, in memory or in the file.
  public var bytesReceived: Int
  /// The body of an answer that is no success was longer than 64 KiB or the request's limit, and ``body`` is its start;
  /// or a body that is discarded was longer than the limit.
  public var isBodyCut: Bool

  public init(
    status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = [], bytesReceived: Int? = nil,
    isBodyCut: Bool = false
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.bytesReceived = bytesReceived ?? body.count
    self.isBodyCut = isBodyCut
  }

  /// The first header of that name, in whatever case.
  public func header(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }
}
