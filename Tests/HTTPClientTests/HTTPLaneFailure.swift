import HTTPClient
import Testing

extension HTTPLane {
  /// The error that the request ends with.
  nonisolated func failure(
    _ request: HTTPRequest, _ location: SourceLocation = #_sourceLocation
  ) async throws -> HTTPError {
    do {
      let response = try await send(request)
      Issue.record("expected an error, got \(response.status)", sourceLocation: location)
      throw HTTPError(.other, "no error")
    } catch let error as HTTPError {
      return error
    }
  }
}
