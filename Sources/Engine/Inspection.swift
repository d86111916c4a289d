import AirflowSource
import Configuration
import DbtCloud
import Glibc
import HTTPClient
import Ledger
import OpenLineage
import Postgres

/// Checks everything that a configuration names, for `validate`. Reads only; nothing is written, no event is sent.
public struct Inspection: Sendable {
  /// What was found out about one thing.
  public struct Finding: Sendable {
    public enum Grade: Sendable { case good, warning, bad }
    public var grade: Grade
    /// What was checked, e.g. `airflow prod`.
    public var subject: String
    /// What was found, and what to do when it is not good.
    public var text: String
  }

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  /// Checks what needs no connection: secrets, certificates, folders.
  public func offline() -> [Finding] {
    var findings: [Finding] = []
    for secret in configuration.secrets {
      do {
        _ = try secret.read()
        if let warning = secret.warning { findings.append(Finding(grade: .warning, subject: "secret", text: warning)) }
      } catch { findings.append(Finding(grade: .bad, subject: "secret", text: error.description)) }
    }
    if case .sqlite(let path) = configuration.ledger { findings.append(folder(of: path, subject: "ledger")) }
    for account in configuration.dbtCloud {
      findings += certificates(account.caFile, subject: "dbt_cloud \(account.name)")
    }
    for sink in configuration.sinks {
      let subject = "sink \(sink.name)"
      switch sink.destination {
      case .file(let destination): findings.append(folder(of: destination.path, subject: subject))
      case .openLineage(let destination): findings += certificates(destination.caFile, subject: subject)
      }
    }
    findings += configuration.dbtArtifacts.map(artifacts)
    return findings
  }

  /// Checks partners and ledger.
  public func online() async -> [Finding] {
    var findings = [await ledger()].compactMap(\.self)
    for airflow in configuration.airflow { findings += await database(airflow) }
    for account in configuration.dbtCloud { findings.append(await token(of: account)) }
    for sink in configuration.sinks {
      if case .openLineage(let destination) = sink.destination {
        findings.append(await backend(sink.name, destination))
      }
    }
    return findings
  }

  /// The GRANT statements that the database role of an instance needs.
  public func grants(for airflow: AirflowConfiguration) async -> [String] {
    let connection = PostgresConnection(airflow.postgres, name: "validate")
    defer { Task { await connection.close() } }
    let role = airflow.dsn["user"] ?? "airflow_syncer"
    if let grants = try? await AirflowReader(instance: airflow.name, connection: connection).grants() { return grants }
    return ["-- The database could not be asked: leave out tables that this Airflow does not have."]
      + AirflowSchema.grants(role: role, database: airflow.dsn["dbname"] ?? role)
  }

  // MARK: Checks

  private func certificates(_ path: String?, subject: String) -> [Finding] {
    guard let problem = path.flatMap(CertificateFile.problem(of:)) else { return [] }
    return [Finding(grade: .bad, subject: subject, text: problem)]
  }

  private func folder(of path: String, subject: String) -> Finding {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    let shown = folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder
    if access(path, F_OK) == 0 {
      return access(path, W_OK) == 0
        ? Finding(grade: .good, subject: subject, text: "\(path) can be written")
        : Finding(grade: .bad, subject: subject, text: "\(path) may not be written by this user")
    }
    guard access(shown, F_OK) == 0 else {
      return Finding(
        grade: .bad, subject: subject, text: "\(shown) does not exist: create it for the user airflow-syncer")
    }
    return access(shown, W_OK) == 0
      ? Finding(grade: .good, subject: subject, text: "\(path) will be created")
      : Finding(grade: .bad, subject: subject, text: "\(shown) may not be written by this user")
  }

  private func artifacts(_ watched: DbtArtifactsConfiguration) -> Finding {
    let (path, subject) = (watched.path, "dbt_artifacts \(watched.name)")
    guard access(path, F_OK) == 0 else {
      return Finding(grade: .warning, subject: subject, text: "\(path) does not exist yet: it is waited for")
    }
    return access(path, R_OK | X_OK) == 0
      ? Finding(grade: .good, subject: subject, text: "\(path) can be read")
      : Finding(grade: .bad, subject: subject, text: "\(path) may not be read by this user")
  }

  private func ledger() async -> Finding? {
    let place = configuration.ledgerPlace
    // That it will be made is said already.
    if case .file(let path) = place, access(path, F_OK) != 0 { return nil }
    let ledger = Ledger(at: place, purpose: .reading)
    do {
      if let grant = try await ledger.missingGrant() {
        return Finding(grade: .bad, subject: "ledger", text: "\(place.name) may not be written; run: \(grant)")
      }
      let version = try await ledger.schemaVersion()
      let integrity = try await ledger.integrity(seconds: 20)
      if let first = integrity.faults.first {
        return Finding(
          grade: .bad, subject: "ledger", text: LedgerError(.corrupt, path: place.name, detail: first).description)
      }
      return Finding(
        grade: .good, subject: "ledger",
        text: "\(place.name), schema \(version.found)"
          + (integrity.isWhole ? "" : "; too large to be looked through for damage in 20 s"))
    } catch let error as LedgerError {
      if error.kind == .unmade {
        return Finding(grade: .good, subject: "ledger", text: "a ledger \(place.name) will be made")
      }
      if case .olderSchema = error.kind { return Finding(grade: .warning, subject: "ledger", text: error.description) }
      return Finding(grade: .bad, subject: "ledger", text: error.description)
    } catch { return Finding(grade: .bad, subject: "ledger", text: "\(error)") }
  }

  private func database(_ airflow: AirflowConfiguration) async -> [Finding] {
    let subject = "airflow \(airflow.name)"
    let connection = PostgresConnection(airflow.postgres, name: "validate")
    defer { Task { await connection.close() } }
    do {
      let schema = try await AirflowReader(instance: airflow.name, connection: connection).probe()
      let version = schema.version.map { "Airflow \($0)" } ?? "an Airflow of unknown version"
      let source = schema.isReplica ? "replica" : "primary"
      var findings = [
        Finding(
          grade: .good, subject: subject,
          text: "\(version) in database \(schema.database), read as \(schema.role) from a \(source)")
      ]
      let odd = airflow.roleWarning(isReplica: schema.isReplica).map { [$0] } ?? []
      findings += (odd + schema.warnings).map { Finding(grade: .warning, subject: subject, text: $0) }
      return findings
    } catch { return [Finding(grade: .bad, subject: subject, text: "\(error)")] }
  }

  private func token(of configuration: DbtCloudConfiguration) async -> Finding {
    let subject = "dbt_cloud \(configuration.name)"
    do {
      let account = try configuration.account(allowsPlainHTTP: self.configuration.allowPlainHTTP)
      let lane = HTTPLane(name: "validate", userAgent: "airflow-syncer/\(SyncerVersion.current)")
      let client = DbtCloudClient(account: account, send: { try await lane.send($0) })
      _ = try await client.runs(limit: 1)
      return Finding(
        grade: .good, subject: subject, text: "account \(configuration.accountID) answers at \(account.url)")
    } catch { return Finding(grade: .bad, subject: subject, text: "\(error)") }
  }

  /// Whether the backend's address answers at all. No event is sent: a GET tells enough, whatever its status.
  private func backend(_ name: String, _ destination: OpenLineageDestination) async -> Finding {
    let subject = "sink \(name)"
    var request = HTTPRequest(method: "GET", url: destination.url.text)
    request.timeout = 10
    request.maximumBytes = 1 << 16
    request.caFile = destination.caFile
    do {
      if let token = try destination.token?.read() { request.headers.append(("Authorization", "Bearer \(token)")) }
      let response = try await HTTPLane(name: "validate").send(request)
      switch response.status {
      case 401, 403:
        return Finding(
          grade: .bad, subject: subject,
          text: "\(destination.url) refuses the token with \(response.status): check `token_file`")
      case 500...:
        return Finding(grade: .warning, subject: subject, text: "\(destination.url) answers \(response.status)")
      default:
        return Finding(grade: .good, subject: subject, text: "\(destination.url) answers (\(response.status) to a GET)")
      }
    } catch let error as HTTPError where error.kind == .tooLarge {
      return Finding(grade: .good, subject: subject, text: "\(destination.url) answers")
    } catch { return Finding(grade: .bad, subject: subject, text: "\(error)") }
  }
}
