import CCurl
import Glibc
import Platform
import Synchronization

/// Sends requests one after the other over one keep-alive connection, on its own thread.
///
/// - TLS certificates are always checked, against the system's authorities and ``HTTPRequest/caFile``.
/// - `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the environment are honoured as `curl` does, since
///   operators set them for whole services; requests to the machine itself (`localhost`, 127.0.0.0/8, `::1`) never go
///   through a proxy. No `.netrc` is read, no cookies are kept.
/// - `gzip`, `deflate`, and `br` and `zstd` where the system's libcurl has them, are asked for and undone.
/// - A body that ends early is an error where HTTP tells its length, which nearly every server does. What cannot be
///   told: a body whose end is the end of the connection, and a compressed one that was cut before it was sent with the
///   length of the rest. Whoever reads the body as JSON finds out.
public actor HTTPLane {
  private let executor: ThreadExecutor
  private let handles = CurlHandles()
  private let userAgent: String

  /// - Parameters:
  ///   - name: of the thread; at most 15 bytes are kept
  ///   - userAgent: sent unless the request has a `User-Agent` header; `airflow-syncer/1.2` and so on
  public init(name: String, userAgent: String = "airflow-syncer") {
    executor = ThreadExecutor(name: name)
    self.userAgent = userAgent
  }

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Sends the request and waits for the whole answer, whatever its status.
  ///
  /// Waits for its turn first; the request's times count from then. Throws ``HTTPError``; of kind `cancelled` at once
  /// when the task is cancelled. No answer longer than the request allows is ever held in memory or on disk.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    // One token for each request: a cancellation that comes late finds no other request to hit.
    let cancellation = Cancellation()
    let handles = handles
    return try await withTaskCancellationHandler {
      try perform(request, cancellation)
    } onCancel: {
      cancellation.isRequested.store(true, ordering: .releasing)
      handles.wakeUp()
    }
  }

  private final class Cancellation: Sendable {
    let isRequested = Atomic<Bool>(false)
  }

  private func perform(_ request: HTTPRequest, _ cancellation: Cancellation) throws(HTTPError) -> HTTPResponse {
    blockPipeSignal()
    var url = try RequestRules.check(request)
    let deadline = monotonicSeconds() + request.timeout
    var followed = 0
    while true {
      let (response, location) = try exchange(request, url, until: deadline, cancellation)
      let next = try RedirectRules.next(
        status: response.status, location: location, method: request.method, from: url, followed: followed)
      guard let next else { return response }
      url = next
      followed += 1
    }
  }

  /// One request, one answer; and where that answer leads, if anywhere.
  private func exchange(
    _ request: HTTPRequest, _ url: HTTPURL, until deadline: Double, _ cancellation: Cancellation
  ) throws(HTTPError) -> (HTTPResponse, location: String?) {
    let (easy, multi) = (handles.easy, handles.multi)
    let transfer = try Transfer(request, url: url)
    defer { withExtendedLifetime(transfer) {} }
    curl_easy_reset(easy)
    var headers = curl_slist_append(nil, "Expect:")
    for line in headerLines(of: request) + rangeLines(of: transfer) { headers = curl_slist_append(headers, line) }
    defer { curl_slist_free_all(headers) }
    var options = CurlOptions(easy: easy)
    options.set(request, url, timeout: max(0.001, deadline - monotonicSeconds()))
    options.set(CURLOPT_HTTPHEADER, pointer: headers)
    options.set(CURLOPT_ERRORBUFFER, pointer: handles.errorBuffer)
    options.set(transfer)
    handles.errorBuffer[0] = 0
    guard options.firstFailure == CURLE_OK else {
      throw CurlOutcome.error(options.firstFailure, detail: "", url: url)
    }
    curl_multi_add_handle(multi, easy)
    defer { curl_multi_remove_handle(multi, easy) }

    let outcome = try wait(for: multi, url, cancellation)
    if let fault = transfer.fault { throw fault }
    guard outcome == CURLE_OK || transfer.response.isBodyCut else {
      throw transfer.keepingFile(
        CurlOutcome.error(outcome, detail: String(cString: handles.errorBuffer), url: url))
    }
    try transfer.finish()
    var location: UnsafePointer<CChar>?
    _ = ccurl_get_string(easy, CURLINFO_REDIRECT_URL, &location)
    return (transfer.response, location.map { String(cString: $0) })
  }

  private func wait(
    for multi: UnsafeMutableRawPointer, _ url: HTTPURL, _ cancellation: Cancellation
  ) throws(HTTPError) -> CURLcode {
    while true {
      if cancellation.isRequested.load(ordering: .acquiring) || Task.isCancelled {
        throw HTTPError(.cancelled, "cancelled", url: url.printable)
      }
      var running: Int32 = 0
      var waiting: Int32 = 0
      var failure = curl_multi_perform(multi, &running)
      while let message = curl_multi_info_read(multi, &waiting) {
        if message.pointee.msg == CURLMSG_DONE { return ccurl_message_result(message) }
      }
      // libcurl wakes by itself for each of its time limits.
      if failure == CURLM_OK { failure = curl_multi_poll(multi, nil, 0, 60_000, nil) }
      guard failure == CURLM_OK else {
        throw HTTPError(.other, String(cString: curl_multi_strerror(failure)), url: url.printable)
      }
    }
  }

  private func headerLines(of request: HTTPRequest) -> [String] {
    var lines = request.headers.map { name, value in value.isEmpty ? "\(name);" : "\(name): \(value)" }
    func has(_ name: String) -> Bool { request.headers.contains { $0.name.lowercased() == name } }
    if !has("user-agent") { lines.append("User-Agent: \(userAgent)") }
    // Else libcurl says that a body is a form.
    if !has("content-type") { lines.append("Content-Type:") }
    return lines
  }

  /// Asks for the rest of a file, provided that it is still the same version.
  private func rangeLines(of transfer: Transfer) -> [String] {
    guard let rest = transfer.rest, rest.bytes > 0 else { return [] }
    return ["Range: bytes=\(rest.bytes)-", "If-Range: \(rest.validator)"]
  }

  /// OpenSSL writes to sockets without MSG_NOSIGNAL: a peer that is gone would end the process. The signal goes to the
  /// thread that wrote, so it is enough that the lane's own thread does not take it.
  private func blockPipeSignal() {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }
}
