/// The configuration file, checked: what is in here can be worked with as it stands. Paths are absolute or relative to
/// the working directory (a relative path of the file counts from the file's own folder).
public struct Configuration: Sendable, Equatable {
  public var ledger: LedgerLocation
  /// The unix socket on which the daemon tells how it does.
  public var statusSocket: String
  /// How large the ledger may become; nil for as large as its disk allows.
  public var maximumLedgerBytes: Int64?
  /// How long delivered history is kept.
  public var retention: Retention
  public var airflow: [AirflowConfiguration]
  public var dbtCloud: [DbtCloudConfiguration]
  public var dbtArtifacts: [DbtArtifactsConfiguration]
  public var sinks: [SinkConfiguration]
  public var record: RecordConfiguration
  public var allowInlineSecrets: Bool
  public var allowPlainHTTP: Bool

  /// Where the file is when nobody says otherwise.
  public static let defaultPath = "/etc/airflow-syncer/syncer.yaml"

  /// The configuration in a file of at most 1 MiB, with what is noteworthy about it.
  ///
  /// - Throws: ``ConfigurationErrors`` with all that is wrong.
  public static func load(
    path: String
  ) throws(ConfigurationErrors) -> (configuration: Configuration, warnings: [ConfigurationProblem]) {
    func unreadable(_ message: String, line: Int? = nil) -> ConfigurationErrors {
      ConfigurationErrors(problems: [ConfigurationProblem(file: path, line: line, message: message)])
    }
    let file: SmallFile
    do {
      file = try SmallFile.read(path, limit: 1 << 20)
    } catch {
      throw unreadable(
        "cannot be read: \(error.description); write one with `airflow-syncer config example`, "
          + "or name another with --config FILE")
    }
    guard let text = String(validating: file.bytes, as: UTF8.self) else {
      throw unreadable("not UTF-8 text; save it as UTF-8", line: firstInvalidLine(file.bytes))
    }
    var (configuration, warnings) = try parse(text: text, file: path)
    if file.permissions & 0o004 != 0, configuration.holdsInlineSecret {
      warnings.append(
        ConfigurationProblem(
          file: path,
          message: "holds a secret and can be read by every user of this machine; run: chmod o-rwx \(path)"))
    }
    return (configuration, warnings)
  }

  /// The configuration in `text`.
  ///
  /// - Parameter file: named in messages; relative paths count from its folder.
  /// - Throws: ``ConfigurationErrors`` with all that is wrong.
  public static func parse(
    text: String, file: String
  ) throws(ConfigurationErrors) -> (configuration: Configuration, warnings: [ConfigurationProblem]) {
    let diagnostics = Diagnostics(file: file)
    let root = YAMLReader.read(text, diagnostics)
    let configuration = root.flatMap { ConfigurationDecoder(diagnostics).decode($0) }
    guard let configuration, diagnostics.errors.isEmpty else {
      throw ConfigurationErrors(problems: diagnostics.sortedErrors)
    }
    return (configuration, diagnostics.sortedWarnings)
  }

  /// Every secret that the file points at, in the order of the file.
  public var secrets: [Secret] {
    [ledger.password].compactMap(\.self) + airflow.compactMap(\.password) + dbtCloud.map(\.token)
      + sinks.compactMap {
        if case .openLineage(let destination) = $0.destination { destination.token } else { nil }
      }
  }

  private var holdsInlineSecret: Bool {
    secrets.contains { if case .inline = $0.source { true } else { false } }
      || (airflow.map(\.dsn) + [ledger.dsn].compactMap(\.self)).contains { $0["sslpassword"] != nil }
  }

  private static func firstInvalidLine(_ bytes: [UInt8]) -> Int? {
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    return lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }.map { $0 + 1 }
  }
}

/// Where the ledger is kept.
public enum LedgerLocation: Sendable, Hashable {
  /// A SQLite database file.
  case sqlite(path: String)
  /// A schema of its own in a database of Postgres. ``DataSourceName/conninfo`` never holds the password.
  case postgres(DataSourceName, password: Secret?)

  /// The password of its role, where there is one.
  public var password: Secret? {
    if case .postgres(_, let password) = self { password } else { nil }
  }

  var dsn: DataSourceName? {
    if case .postgres(let dsn, _) = self { dsn } else { nil }
  }

  /// Where the daemon tells how it does, when the file does not say.
  var statusSocket: String {
    switch self {
    case .sqlite(let path): path + ".sock"
    case .postgres: "/run/airflow-syncer/status.sock"
    }
  }
}
