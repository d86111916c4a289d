import CCurl

/// Sets the options of an easy handle for one request, and keeps the first refusal.
struct CurlOptions {
  let easy: UnsafeMutableRawPointer
  private(set) var firstFailure = CURLE_OK

  init(easy: UnsafeMutableRawPointer) { self.easy = easy }

  mutating func set(_ request: HTTPRequest, _ url: HTTPURL, timeout: Double) {
    set(CURLOPT_URL, url.text)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_FOLLOWLOCATION, 0)
    // Parts of a compressed body are no parts of the file.
    set(CURLOPT_ACCEPT_ENCODING, request.acceptsCompression && request.goesOnWith == nil ? "" : "identity")
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    // Whatever the system's policy allows. (The macro's value; Swift sees an enumeration of another type.)
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    // Artifacts are large: fewer reads and writes than with 16 KB.
    set(CURLOPT_BUFFERSIZE, 128 << 10)
    // A name that is still being resolved does not hold up whoever cancels: its thread is left to end by itself.
    set(CURLOPT_QUICK_EXIT, 1)
    set(CURLOPT_TIMEOUT_MS, milliseconds(timeout))
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(min(timeout, request.connectTimeout)))
    set(CURLOPT_LOW_SPEED_LIMIT, 100)
    set(CURLOPT_LOW_SPEED_TIME, max(1, milliseconds(request.stallTimeout) / 1000))
    if url.isLoopback { set(CURLOPT_PROXY, "") }
    if let caFile = request.caFile { set(CURLOPT_CAINFO, caFile) }
    setMethod(request.method, request.body)
  }

  mutating func set(_ transfer: Transfer) {
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    note(ccurl_set_function(easy, CURLOPT_HEADERFUNCTION, takeHeader))
    set(CURLOPT_HEADERDATA, pointer: context)
    note(ccurl_set_function(easy, CURLOPT_WRITEFUNCTION, takeBody))
    set(CURLOPT_WRITEDATA, pointer: context)
  }

  mutating func set(_ option: CURLoption, pointer: UnsafeRawPointer?) { note(ccurl_set_pointer(easy, option, pointer)) }

  private mutating func setMethod(_ method: String, _ body: [UInt8]?) {
    if method == "HEAD" {
      set(CURLOPT_NOBODY, 1)
      return
    }
    if body != nil || method == "POST" {
      let body = body ?? []
      note(ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
      // libcurl copies: the array need not stay where it is.
      body.withUnsafeBytes { bytes in
        let copied: CURLcode =
          if let start = bytes.baseAddress {
            ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, start)
          } else {
            ccurl_set_string(easy, CURLOPT_COPYPOSTFIELDS, "")
          }
        note(copied)
      }
    }
    set(CURLOPT_CUSTOMREQUEST, method)
  }

  private mutating func set(_ option: CURLoption, _ value: Int) { note(ccurl_set_long(easy, option, value)) }
  private mutating func set(_ option: CURLoption, _ value: String) { note(ccurl_set_string(easy, option, value)) }

  private mutating func note(_ result: CURLcode) { if firstFailure == CURLE_OK { firstFailure = result } }

  /// libcurl takes 0 for no limit and refuses more than an Int32 of seconds.
  private func milliseconds(_ seconds: Double) -> Int { Int(min(max(1, (seconds * 1000).rounded(.up)), 2e9)) }
}
