import CCurl

/// libcurl's result codes in our words.
enum CurlOutcome {
  /// - Parameters:
  ///   - code: what the transfer ended with, not `CURLE_OK`
  ///   - detail: what libcurl wrote into its error buffer; may be empty
  static func error(_ code: CURLcode, detail: String, url: HTTPURL) -> HTTPError {
    let words = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    func error(_ kind: HTTPError.Kind, _ advice: String = "") -> HTTPError {
      HTTPError(kind, advice.isEmpty ? words : "\(words); \(advice)", url: url.printable)
    }
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
      return error(.resolve, "check the host's name and the resolver")
    case CURLE_COULDNT_CONNECT:
      return error(.connect, "check that the server runs and that a firewall lets this host through")
    case CURLE_PEER_FAILED_VERIFICATION:
      let isOfAnother = words.contains("subject name")
      return error(
        .tls,
        isOfAnother
          ? "the server's certificate is that of another host: check the address"
          : "the server's certificate is not trusted: name its certification authority in `ca_file`")
    case CURLE_SSL_CACERT_BADFILE:
      return error(.tls, "the file of trusted certificates cannot be read or holds none in PEM format")
    case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_SHUTDOWN_FAILED:
      return error(.tls)
    case CURLE_OPERATION_TIMEDOUT: return error(.timeout)
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
      return error(.truncated, "the connection broke before the answer was whole")
    case CURLE_BAD_CONTENT_ENCODING, CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_HTTP2,
      CURLE_HTTP2_STREAM, CURLE_PROXY:
      return error(.protocolError, "the other side does not speak HTTP as it should")
    default: return error(.other)
    }
  }
}
