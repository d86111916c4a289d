import ExecutionModel
import HTTPClient

/// Why dbt Cloud did not give what was asked for. Never holds a token.
public struct DbtCloudError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What happened.
  public enum Kind: Hashable, Sendable {
    /// `dbt_cloud[].url` is no URL that can be used.
    case invalidURL
    /// The token could not be had from its file or command.
    case noToken
    /// 404 for a run: it does not exist in this account, or the token must not see it.
    case notFound
    /// 401 or 403.
    case refused(status: Int)
    /// 429, or a call not made because of an earlier 429.
    case rateLimited(retryAfter: Double)
    /// A network failure, a time-out, 408 or 5xx.
    case unavailable(status: Int?)
    /// The request was sent on to another host, which the token is not given to.
    case redirected
    /// An answer that is no JSON: most often a page of a proxy or of a login.
    case notJSON(status: Int)
    /// Larger than what is accepted.
    case tooLarge
    /// The file for an artifact cannot be written on this machine.
    case cannotWrite
    /// Any other answer.
    case unexpected(status: Int)
  }

  /// What happened.
  public var kind: Kind
  /// `dbt_cloud[].name`
  public var account: String
  /// Scheme, host and path of the request; no query.
  public var url: String
  /// What dbt Cloud or the network said: one line, shortened, without secrets.
  public var message: String

  public init(kind: Kind, account: String, url: String, message: String) {
    self.kind = kind
    self.account = account
    self.url = url
    self.message = message
  }

  /// How ``message`` begins where something other than dbt Cloud has answered.
  static let pageMark = "an HTML page, of a proxy?"

  /// Whether a web page came instead: of a proxy or a login, so that the same call may get the right answer later.
  public var isWebPage: Bool { message.hasPrefix(Self.pageMark) }

  /// Whether the same call may succeed later with nothing changed here.
  public var isRetryable: Bool {
    switch kind {
    case .rateLimited, .unavailable, .notJSON, .cannotWrite: true
    case .invalidURL, .noToken, .notFound, .refused, .redirected, .tooLarge, .unexpected: false
    }
  }

  /// Seconds before which the call should not be made again; nil when only the caller's own backoff applies.
  public var retryAfter: Double? { if case .rateLimited(let seconds) = kind { seconds } else { nil } }

  /// One line that says what happened, where, and what to do.
  public var description: String {
    "dbt Cloud account `\(account)`: \(what)\(message.isEmpty ? "" : " (\(message))"). \(advice)"
  }

  private var what: String {
    switch kind {
    case .invalidURL: "`\(url)` cannot be used as its URL"
    case .noToken: "its token cannot be read"
    case .notFound: "404 for \(url)"
    case .refused(let status): "the token was refused with \(status) by \(url)"
    case .rateLimited: "too many calls, 429"
    case .unavailable(let status): status.map { "\(url) answered \($0)" } ?? "\(url) cannot be reached"
    case .redirected: "\(url) sends requests elsewhere"
    case .notJSON(let status): "\(url) answered \(status) with something that is not JSON"
    case .tooLarge: "the answer of \(url) is too large"
    case .cannotWrite: "the answer of \(url) cannot be stored"
    case .unexpected(let status): "\(url) answered \(status)"
    }
  }

  private var advice: String {
    switch kind {
    case .invalidURL: "Set `dbt_cloud[].url` to the access URL of the account, such as https://ab123.us1.dbt.com."
    case .noToken: "Check `dbt_cloud[].token_file`."
    case .notFound:
      "The run is not in this account, or the token has no permission on its project: check `dbt_cloud[].account_id` "
        + "and `dbt_cloud[].url`, and give the token read access to the project."
    case .refused(401):
      "Put a valid token into the file of `dbt_cloud[].token_file`; it is read again at the next call. A token works "
        + "only at its own region: check `dbt_cloud[].url` too."
    case .refused:
      "Give the token of `dbt_cloud[].token_file` the permission to read jobs, runs and artifacts of the account."
    case .rateLimited(let seconds):
      "No call is made for \(Int(min(max(seconds, 0), 86_400).rounded(.up))) s; nothing needs to be done."
    case .unavailable: "It is tried again; if this stays, check `dbt_cloud[].url`, proxy and network."
    case .redirected: "Set `dbt_cloud[].url` to the access URL of the account itself."
    case .notJSON:
      "A proxy or login page seems to answer instead of dbt Cloud: check `dbt_cloud[].url` and the proxy. It is tried "
        + "again."
    case .tooLarge:
      "The run is recorded without it; `dbt_cloud[].max_artifact_bytes` sets how large an artifact may be."
    case .cannotWrite: "Check the free space and the rights of the working directory. It is tried again."
    case .unexpected: "The run is recorded without it; check `dbt_cloud[].url` and report the answer if this stays."
    }
  }
}

/// Text of a foreign server, made fit for one line of a log: printable, shortened, without the token that was sent.
func printable(_ text: some Sequence<UInt8>, limit: Int = 80, hiding secret: String) -> String {
  // By bytes: as characters, a letter and a mark after it are another letter.
  let mask = SecretMask([secret])
  let shown = String(
    decoding: mask.masked(Array(text.prefix(8 * limit + mask.longest))).prefix(8 * limit), as: UTF8.self)
  var line = ""
  for scalar in shown.unicodeScalars {
    let isSpace = scalar.properties.isWhitespace
    if isSpace, line.last == " " || line.isEmpty { continue }
    switch scalar.properties.generalCategory {
    case _ where isSpace: line.append(" ")
    case .control, .format, .surrogate, .privateUse, .unassigned: line.append("\u{FFFD}")
    default: line.unicodeScalars.append(scalar)
    }
    if line.count == limit { return line + "…" }
  }
  return line
}
