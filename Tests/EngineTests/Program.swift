import FoundationEssentials
import TestServers
import Testing

/// The program as users start it.
enum Program {
  /// Another release, in place of the one that was built.
  @TaskLocal static var other: String?

  /// Beside the test bundle, whatever the build's configuration.
  static var path: String {
    get throws {
      if let other { return other }
      let folders = CommandLine.arguments.first.map { [String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)])] } ?? []
      let candidates =
        folders.map { "\($0)/airflow-syncer" }
        + ["debug", "release"].map { "\(Fixtures.repositoryRoot)/.build/\($0)/airflow-syncer" }
      return try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
    }
  }

  /// Runs a command to its end.
  static func run(_ arguments: [String], config: String? = nil, timeout: Double = 120) async throws -> Subprocess.Output
  {
    try await Subprocess.run(
      [try path] + arguments + (config.map { ["--config", $0] } ?? []), environment: environment, timeout: timeout)
  }

  /// Starts a command.
  static func start(
    _ arguments: [String], config: String, environment extra: [String: String] = [:]
  ) throws -> Subprocess {
    try Subprocess([try path] + arguments + ["--config", config], environment: environment.merging(extra) { $1 })
  }

  // Whatever runs the tests must not be taken for the user's wish; a crash need not print a backtrace.
  private static let environment = [
    "AIRFLOW_SYNCER_CONFIG": "", "NOTIFY_SOCKET": "", "WATCHDOG_USEC": "", "SWIFT_BACKTRACE": "enable=no",
  ]
}
