import CCurl

/// The libcurl handles of one lane: an easy handle for one request at a time, and the multi handle that keeps its
/// connection, its DNS cache and its TLS sessions. The lane's thread uses them; others may only ``wakeUp()``.
final class CurlHandles: @unchecked Sendable {
  let multi: UnsafeMutableRawPointer
  let easy: UnsafeMutableRawPointer
  /// libcurl's words about the last failure.
  let errorBuffer: UnsafeMutablePointer<CChar>

  // Once in a process, before anything else of libcurl; a global is made once, whoever comes first.
  private static let initialised = ccurl_initialise()

  init() {
    precondition(Self.initialised == CURLE_OK, "libcurl cannot start: no memory or no random numbers are left")
    guard let multi = curl_multi_init(), let easy = curl_easy_init() else {
      preconditionFailure("libcurl has no memory left")
    }
    self.multi = multi
    self.easy = easy
    errorBuffer = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    _ = ccurl_set_multi_long(multi, CURLMOPT_MAXCONNECTS, 2)
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_multi_cleanup(multi)
    errorBuffer.deallocate()
  }

  /// Ends a wait in `curl_multi_poll`, now or at the next call. The one call of libcurl that any thread may make.
  func wakeUp() { curl_multi_wakeup(multi) }
}
