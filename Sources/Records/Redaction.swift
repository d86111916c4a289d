import ExecutionModel
import JSONText

/// Takes secrets out of what others have written, by the rules that Airflow masks its own logs with: what has the name
/// of a secret is masked, at any depth, and so are passwords in addresses. What has been redacted stays as it is when
/// it is redacted again.
public struct Redaction: Hashable, Sendable {
  /// What stands in a secret's place, as in Airflow.
  public static let mask = "***"
  /// By Airflow's own names.
  public static let standard = Redaction()

  /// Parts of names, in lower case; those of several words without what stands between them.
  private let fields: [Field]

  private struct Field: Hashable {
    var text: String
    /// Whether it is looked for in names without `_`, `-` and the like: `api_key` in `apiKey` and `X-Api-Key`.
    var isJoined: Bool

    init(_ name: String) {
      let name = name.lowercased()
      let joined = name.filter { $0.isLetter || $0.isNumber }
      isJoined = joined != name
      text = joined
    }
  }

  /// - Parameter names: parts of names that hold secrets, besides those that Airflow knows.
  public init(names: [String] = []) { fields = (Self.airflowFields + names).map(Field.init) }

  /// `conf` with every secret replaced. Numbers keep their text, members their order. A conf that cannot be read is not
  /// shown.
  public func redacted(_ conf: RawJSON) -> RawJSON {
    if conf == .emptyObject { return conf }
    guard let value = try? JSONValue(parsing: conf.text, source: "dag_run.conf", maximumDepth: 256) else {
      return JSONValue.object([
        .init("opaque", .string("unreadable")), .init("bytes", JSONValue(Int64(conf.text.utf8.count))),
      ]).rawJSON
    }
    return redacted(value, nesting: 0).rawJSON
  }

  /// A message or another text: passwords in addresses, what follows a secret's name and `=` or `:`, and what follows
  /// `Bearer` are masked. A text that is JSON is redacted as such.
  public func redacted(_ text: String) -> String { redacted(text, nesting: 0) }

  /// Whether a member of this name holds a secret: one of Airflow's `DEFAULT_SENSITIVE_FIELDS`, or of the names given,
  /// anywhere in the name, whatever the case.
  public func isSensitive(_ name: String) -> Bool {
    let name = name.lowercased()
    let joined = name.filter { $0.isLetter || $0.isNumber }
    return fields.contains { ($0.isJoined ? joined : name).contains($0.text) }
  }

  // MARK: JSON

  private func redacted(_ value: JSONValue, nesting: Int) -> JSONValue {
    switch value {
    case .object(let members):
      // `{"name": "DB_PASSWORD", "value": …}`, as environments of containers are written.
      let namesSecret = members.contains { member in
        ["name", "key"].contains(member.name.lowercased()) && member.value.stringValue.map(isSensitive) == true
      }
      return .object(
        members.map { member in
          let isSecret = isSensitive(member.name) || namesSecret && member.name.lowercased() == "value"
          guard isSecret, member.value != .null else {
            return .init(member.name, redacted(member.value, nesting: nesting))
          }
          return .init(member.name, .string(Self.mask))
        })
    case .array(let values): return .array(values.map { redacted($0, nesting: nesting) })
    case .string(let text): return .string(redacted(text, nesting: nesting))
    case .null, .bool, .number: return value
    }
  }

  /// JSON may hold JSON as a string, which may hold more of it.
  private static let deepestNesting = 8

  private func redacted(_ text: String, nesting: Int) -> String {
    guard text.utf8.contains(where: { ":=@".utf8.contains($0) }) || text.lowercased().contains("bearer") else {
      return text
    }
    if nesting < Self.deepestNesting, let first = text.first(where: { !$0.isWhitespace }), first == "{" || first == "[",
      let value = try? JSONValue(parsing: text, source: "text", maximumDepth: 256)
    {
      let shown = redacted(value, nesting: nesting + 1)
      return shown == value ? text : shown.rawJSON.text
    }
    return SecretsInText(redaction: self).masked(SecretsInText.withoutPasswords(text))
  }

  /// `secrets_masker.py` of Airflow 3.x, a superset of what 2.x masks, with two names more that providers use for secrets.
  private static let airflowFields = [
    "access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer", "connection_string",
    "credential", "dsn", "keyfile_dict", "passphrase", "passwd", "password", "private_key", "proxies", "proxy", "pwd",
    "secret", "service_account", "service_key", "token", "webhook_url",
  ]
}
