import Configuration
import ExecutionModel
import Glibc
import Platform
import Synchronization
import Telemetry

extension Daemon {
  /// How the daemon tells those who ask over its status socket.
  public struct Telling: Sendable {
    /// The configuration file in force.
    public var configurationPath: String
    /// Writes the answer to a question.
    public var write: @Sendable (_ question: String, StatusReading.Outcome, LiveState) -> [UInt8]

    public init(
      configurationPath: String,
      writing write: @escaping @Sendable (_ question: String, StatusReading.Outcome, LiveState) -> [UInt8]
    ) {
      self.configurationPath = configurationPath
      self.write = write
    }
  }

  /// Opens the status socket. Without one the daemon does its work all the same, and says so in the log.
  func openStatusSocket(_ telling: Telling, _ inForce: ConfigurationInForce) -> LocalServer? {
    let (ledger, outages, stages) = (ledger, around.outages, around.stages)
    let startedAt = Instant(microseconds: wallClockMicroseconds())
    let begin = monotonicSeconds()
    let path = inForce.current.statusSocket
    let desk = StatusDesk(
      reading: { try await StatusReading(ledger, inForce.current) },
      live: {
        let now = monotonicSeconds()
        return LiveState(
          version: SyncerVersion.current, processID: getpid(), startedAt: startedAt, uptime: now - begin,
          configurationPath: telling.configurationPath,
          outages: outages.current.map {
            LiveState.Outage(
              kind: $0.kind, partner: $0.partner, detail: $0.detail, seconds: now - $0.began, failures: $0.failures)
          },
          stages: stages.current)
      }, writing: telling.write)
    do {
      return try LocalServer(path: path) { await desk.answer($0) }
    } catch {
      let isTaken = (error as? LocalSocketError)?.kind == .taken
      telemetry.emit(StatusSocketFailed(path: path, reason: "\(error)", isTaken: isTaken))
      return nil
    }
  }
}

/// The configuration that the daemon works by at the moment.
final class ConfigurationInForce: Sendable {
  private let held: Mutex<Configuration>

  init(_ configuration: Configuration) { held = Mutex(configuration) }

  var current: Configuration {
    get { held.withLock { $0 } }
    set { held.withLock { $0 = newValue } }
  }
}
