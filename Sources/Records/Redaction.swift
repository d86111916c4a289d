import ExecutionModel
import JSONText

/// Takes secrets out of a DAG run's conf, by the rules that Airflow masks its own logs with.
public enum Redaction {
  /// What stands in a secret's place, as in Airflow.
  public static let mask = "***"

  /// `conf` with the value of every member whose name looks like a secret replaced, at any depth, and with passwords
  /// taken out of addresses (`postgresql://user:password@host`). Numbers keep their text, members their order.
  /// A conf that cannot be read is not shown.
  public static func redacted(_ conf: RawJSON) -> RawJSON {
    if conf == .emptyObject { return conf }
    guard let value = try? JSONValue(parsing: conf.text, source: "dag_run.conf", maximumDepth: 256) else {
      return JSONValue.object([
        .init("opaque", .string("unreadable")), .init("bytes", JSONValue(Int64(conf.text.utf8.count))),
      ]).rawJSON
    }
    return redacted(value).rawJSON
  }

  /// Whether a member of this name holds a secret: Airflow's `DEFAULT_SENSITIVE_FIELDS`, anywhere in the name,
  /// whatever the case.
  public static func isSensitive(_ name: String) -> Bool {
    let name = name.lowercased()
    return sensitiveFields.contains { name.contains($0) }
  }

  private static func redacted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.map { member in
          guard isSensitive(member.name), member.value != .null else {
            return .init(member.name, redacted(member.value))
          }
          return .init(member.name, .string(mask))
        })
    case .array(let values): .array(values.map(redacted))
    case .string(let text): .string(withoutPassword(text))
    case .null, .bool, .number: value
    }
  }

  /// `text` with the password of every address in it masked.
  private static func withoutPassword(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "@")), text.contains("://") else { return text }
    var masked: [UInt8] = []
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      masked.append(bytes[index])
      index += 1
      guard masked.suffix(3).elementsEqual("://".utf8) else { continue }
      // The authority ends where the path, the query or the text around the address begins. An unescaped slash in a
      // password would end it too early, so the last @ before white space or a quote counts.
      let rest = bytes[index...]
      let end = rest.firstIndex { " \t\r\n\"'<>".utf8.contains($0) } ?? bytes.endIndex
      let slash = rest[..<end].firstIndex { "/?#".utf8.contains($0) } ?? end
      let at = rest[..<slash].lastIndex(of: UInt8(ascii: "@")) ?? rest[..<end].firstIndex(of: UInt8(ascii: "@"))
      guard let at, let colon = rest[..<min(at, slash)].firstIndex(of: UInt8(ascii: ":")) else { continue }
      masked.append(contentsOf: bytes[index...colon])
      masked.append(contentsOf: mask.utf8)
      index = at
    }
    return String(decoding: masked, as: UTF8.self)
  }

  /// `airflow/_shared/secrets_masker.py` of Airflow 3.x, a superset of what 2.x masks, with two names more that
  /// providers use for secrets.
  private static let sensitiveFields = [
    "access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer", "connection_string",
    "credential", "dsn", "keyfile_dict", "passphrase", "passwd", "password", "private_key", "proxies", "proxy", "pwd",
    "secret", "service_account", "service_key", "token", "webhook_url",
  ]
}
