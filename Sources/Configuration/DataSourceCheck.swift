/// What is wrong with a connection string as far as it shows without connecting. Pure.
struct DataSourceCheck {
  private(set) var errors: [String] = []
  private(set) var warnings: [String] = []

  /// - Parameter passwordKey: what the keys for the password begin with, before `_file` and `_command`.
  init(
    dsn: DataSourceName, inlineSecretsAllowed: Bool, hasPasswordKey: Bool, passwordKey: String = "password"
  ) {
    for keyword in DataSourceName.secretKeywords where dsn[keyword] != nil {
      if keyword == "password", hasPasswordKey {
        errors.append("expected the password in one place, found it in the dsn and in a password key")
      } else if !inlineSecretsAllowed {
        let instead =
          keyword == "password"
          ? "use \(passwordKey)_file or \(passwordKey)_command" : "use a client key without a password"
        errors.append("a \(keyword) in the dsn is refused; \(instead), or set allow_inline_secrets: true")
      }
    }
    checkTransport(dsn)
    checkPorts(dsn)
    for parameter in dsn.parameters where !Self.keywords.contains(parameter.keyword) {
      // An unknown keyword may be a piece of a password that was not quoted: shown only when it is near a real one.
      if let nearest = Spelling.nearest(to: parameter.keyword, among: Self.keywords) {
        warnings.append("unknown keyword \(quoted(parameter.keyword)); did you mean \(nearest)?")
      } else {
        warnings.append("holds a keyword that libpq 15 does not know; a value with spaces must stand in quotes")
      }
    }
  }

  private mutating func checkTransport(_ dsn: DataSourceName) {
    let choices =
      "sslmode=verify-full (encrypted, the server's name checked; needs sslrootcert), verify-ca, require (encrypted, "
      + "the server not checked), prefer, allow or disable (not encrypted)"
    if let mode = dsn["sslmode"] {
      let modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
      if !modes.contains(mode) {
        let nearest = Spelling.suggestion(for: mode, among: modes)
        errors.append("expected \(choices), found an unknown sslmode\(nearest)")
      }
    } else if let host = dsn.firstRemoteHost, !dsn.namesService {
      errors.append("expected an explicit sslmode, because \(quoted(host)) is not this machine: \(choices)")
    }
  }

  private mutating func checkPorts(_ dsn: DataSourceName) {
    guard let ports = dsn["port"] else { return }
    let isRight = ports.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { port in
      port.isEmpty || port.utf8.allSatisfy { (0x30...0x39).contains($0) } && (1...65_535).contains(Int(port) ?? 0)
    }
    if !isRight { errors.append("expected a port from 1 to 65535 in the dsn, or several with commas between") }
  }

  // PQconndefaults() of libpq 15, and what 16 to 18 added.
  private static let keywords = [
    "service", "user", "password", "passfile", "channel_binding", "connect_timeout", "dbname", "host", "hostaddr",
    "port", "client_encoding", "options", "application_name", "fallback_application_name", "keepalives",
    "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslmode", "sslcompression",
    "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "gssencmode", "krbsrvname", "gsslib", "gssdelegation",
    "replication", "target_session_attrs", "require_auth", "sslcertmode", "load_balance_hosts", "sslnegotiation",
    "servicefile", "scram_client_key", "scram_server_key", "min_protocol_version", "max_protocol_version",
    "sslkeylogfile", "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope",
  ]
}
