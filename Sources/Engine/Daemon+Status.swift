import ExecutionModel
import Glibc
import Platform
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
  func openStatusSocket() -> LocalServer? {
    guard let telling else { return nil }
    let (workshop, outages, stages) = (workshop, outages, stages)
    let startedAt = Instant(microseconds: wallClockMicroseconds())
    let begin = monotonicSeconds()
    let path = workshop.configuration.statusSocket
    let desk = StatusDesk(
      reading: { try await StatusReading(workshop.ledger, workshop.configuration) },
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
      telemetry.emit(StatusSocketFailed(path: path, reason: "\(error)"))
      return nil
    }
  }
}
