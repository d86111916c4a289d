import CLibPQ

/// How to reach one Postgres database, directly or through PgBouncer.
public struct PostgresConfiguration: Sendable {
  /// libpq's keyword/value string or URI ("Connection Strings" in the manual of libpq). A `passfile`, a `service` and
  /// libpq's environment variables work as usual. Contains no password when ``password`` is set.
  public var conninfo: String
  /// Gives the password, or nil for none. Asked at every connect, and once more after an authentication failure, so
  /// that a rotated password heals by itself. It may block: it runs on a thread of its own.
  public var password: (@Sendable () throws -> String?)?
  /// What `pg_stat_activity.application_name` shows, unless ``conninfo`` itself says something else.
  public var applicationName: String
  /// Seconds that opening a connection may take, from resolving the name to the server's welcome.
  public var connectTimeout: Double

  public init(
    conninfo: String, password: (@Sendable () throws -> String?)? = nil, applicationName: String,
    connectTimeout: Double = 10
  ) {
    self.conninfo = conninfo
    self.password = password
    self.applicationName = applicationName
    self.connectTimeout = connectTimeout
  }

  /// `host=… port=… dbname=… user=…` as far as given, for messages.
  public var target: String {
    (try? Self.keywords(of: conninfo)).map(Self.target) ?? "a connection string that is not valid"
  }

  /// The keywords that a connection string sets, with their values (a password among them), without connecting and
  /// without the defaults of libpq, the environment or a service file.
  ///
  /// - Throws: ``PostgresError`` of kind `configuration`, which repeats nothing of the string: any part of it may be
  ///   the password.
  public static func keywords(of conninfo: String) throws(PostgresError) -> [String: String] {
    if conninfo.utf8.contains(0) { throw PostgresError(.configuration, "it contains a NUL character") }
    var complaint: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(conninfo, &complaint) else {
      defer { PQfreemem(complaint) }
      throw PostgresError(.configuration, complaint.map { unquoted(String(cString: $0)) } ?? "out of memory")
    }
    defer { PQconninfoFree(options) }
    var keywords: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { keywords[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    try checkDelimiters(keywords, isURI: conninfo.hasPrefix("postgres://") || conninfo.hasPrefix("postgresql://"))
    return keywords
  }

  /// `host=… port=… dbname=… user=…` as far as given, for messages.
  static func target(_ keywords: [String: String]) -> String {
    ["host", "hostaddr", "port", "dbname", "user", "service"].compactMap { key in
      keywords[key].map { "\(key)=\($0)" }
    }.joined(separator: " ")
  }

  // libpq splits a URI with an unencoded "@", ":" or "/" in its password at the wrong place, so that pieces of the
  // password would be shown as host, port or database.
  private static func checkDelimiters(_ keywords: [String: String], isURI: Bool) throws(PostgresError) {
    if keywords["port"]?.contains(where: { !("0"..."9" ~= $0) && $0 != "," }) ?? false {
      throw PostgresError(.configuration, "the port is not a number")
    }
    if isURI, ["host", "dbname"].contains(where: { keywords[$0]?.contains("@") ?? false }) {
      throw PostgresError(.configuration, "@, : and / in a URI's user or password must be written as %40, %3A and %2F")
    }
  }

  // libpq quotes the offending part of the string, which may be the password (and may itself contain quotes).
  private static func unquoted(_ complaint: String) -> String {
    let text = complaint.split(whereSeparator: \.isNewline).joined(separator: " ")
    guard let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last else { return text }
    return text[..<first] + "…" + text[text.index(after: last)...]
  }
}
