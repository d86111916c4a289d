import Configuration
import ExecutionModel
import Ledger
import Sinks

/// All that a part is made of: two that are equal need not be told apart.
enum PartDefinition: Equatable, Sendable {
  case airflow(AirflowConfiguration, SecretMark)
  case dbtCloud(DbtCloudConfiguration, SecretMark, allowsPlainHTTP: Bool, keepsSQL: Bool)
  case dbtArtifacts(DbtArtifactsConfiguration, keepsSQL: Bool)
  case file(name: String, FileDestination, RecordContext)
  case upkeep(expectsSources: Bool)
  case openLineage(name: String, OpenLineageDestination, SecretMark, LineageNaming)
}

/// Tells one state of a secret's file from another, and nothing of what is in it. What a command gives is another secret
/// each time, perhaps, and is asked for again when it is refused.
struct SecretMark: Equatable, Sendable {
  private let hash: Int?

  /// Reads the file.
  init(_ secret: Secret?) {
    guard let secret, case .file = secret.source, let text = try? secret.read() else {
      hash = nil
      return
    }
    // Seeded anew in each process.
    hash = text.hashValue
  }
}

extension Configuration {
  /// The parts of a syncer. Reads the files of secrets, and so blocks.
  func parts() -> [PartName: PartDefinition] {
    var parts: [PartName: PartDefinition] = [.upkeep: .upkeep(expectsSources: !airflow.isEmpty)]
    for airflow in airflow {
      parts[PartName(.airflow, airflow.name)] = .airflow(airflow, SecretMark(airflow.password))
    }
    for account in dbtCloud {
      parts[PartName(.dbtCloud, account.name)] = .dbtCloud(
        account, SecretMark(account.token), allowsPlainHTTP: allowPlainHTTP, keepsSQL: keepsSQL)
    }
    for folder in dbtArtifacts {
      parts[PartName(.dbtArtifacts, folder.name)] = .dbtArtifacts(folder, keepsSQL: keepsSQL)
    }
    let naming = naming
    for sink in sinks {
      parts[PartName(.sink, sink.name)] =
        switch sink.destination {
        case .file(let destination):
          .file(name: sink.name, destination, recordContext(results: destination.results))
        case .openLineage(let destination):
          .openLineage(name: sink.name, destination, SecretMark(destination.token), naming)
        }
    }
    return parts
  }
}
