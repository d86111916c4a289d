import FoundationEssentials
import Glibc
import JSONText
import TestServers
import Testing

/// People on call, who are in the service's group and nothing else, see all that there is to see; others see nothing.
@Suite(
  .enabled(
    if: getuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0, "only root may be other users, with setpriv"))
struct AccessTests {
  // Numbers that nobody has: neither a user nor a group is made.
  private static let service = ["--reuid", "54320", "--regid", "54321", "--clear-groups"]
  private static let onCall = ["--reuid", "54322", "--regid", "54399", "--groups", "54321"]
  private static let other = ["--reuid", "54323", "--regid", "54399", "--clear-groups"]

  /// The program where every user finds it. Another process writes it: a program that any process has open for writing
  /// cannot be run, and what is started meanwhile beside this would have it so for a moment.
  private static let installed = Task {
    let folder = try TemporaryFolder()
    chmod(folder.path, 0o755)
    let program = folder.file("airflow-syncer")
    let copied = try await Subprocess.run(["/usr/bin/install", "-m", "755", try Program.path, program])
    try #require(copied.status == 0, "\(copied.errorText)")
    return folder
  }

  /// As the unit runs it.
  private func asUser(_ user: [String], _ arguments: [String], _ lab: Lab) async throws -> [String] {
    let program = try await Self.installed.value.file("airflow-syncer")
    return ["/bin/sh", "-c", "umask 0027; exec \"$@\"", "sh", "setpriv"] + user + ["--", program] + arguments
      + ["--config", lab.config]
  }

  private func run(_ user: [String], _ arguments: [String], _ lab: Lab) async throws -> Subprocess.Output {
    try await Subprocess.run(try await asUser(user, arguments, lab), environment: ["AIRFLOW_SYNCER_CONFIG": ""])
  }

  private func expectAllIsSeen(_ lab: Lab, _ when: String, status: Int32) async throws {
    for command in [
      ["runs", "list"], ["runs", "list", "--json"], ["runs", "show", "dbt_matrix@latest"], ["why", "orders"],
      ["checks", "list"],
    ] {
      let output = try await run(Self.onCall, command, lab)
      #expect(output.status == 0 && !output.text.isEmpty, "\(when): \(command) \(output.errorText)")
    }
    let output = try await run(Self.onCall, ["status"], lab)
    #expect(output.status == status, "\(when): \(output.text)\(output.errorText)")
    #expect(output.text.contains("lab "), "\(when): \(output.text)")
    let stranger = try await run(Self.other, ["status"], lab)
    #expect(stranger.status != 0 && !stranger.text.contains("lab "), "\(when): \(stranger.text)")
  }

  @Test func theGroupSeesAllAndOthersNothing() async throws {
    let lab = try await Lab(database: try await AirflowFixtures.dump("2.11.2"), truth: "2.11.2")
    for path in [lab.folder.path] + ["syncer.yaml", "token-1001", "token-70437463654557"].map(lab.folder.file) {
      chown(path, 54_320, 54_321)
      chmod(path, path == lab.folder.path ? 0o750 : 0o640)
    }
    let environment = ["TMPDIR": lab.folder.path, "SWIFT_BACKTRACE": "enable=no", "NOTIFY_SOCKET": ""]
    func start() async throws -> Subprocess {
      let daemon = try Subprocess(try await asUser(Self.service, ["run"], lab), environment: environment)
      try await eventually("an answer of the daemon") {
        try #require(daemon.isRunning, "\(daemon.output.errorText)")
        let output = try await run(Self.onCall, ["status", "--json"], lab)
        try #require(!output.text.isEmpty, "\(output.status) \(output.errorText) \(daemon.output.errorText)")
        return try JSONValue(parsing: output.text)["source"]?.stringValue == "daemon"
      }
      return daemon
    }
    let daemon = try await start()
    try await lab.waitUntilIdle()
    for name in ["", "-wal", "-shm", ".lock"] {
      var file = stat()
      #expect(stat(lab.ledger + name, &file) == 0 && file.st_mode & 0o777 == 0o640, "ledger.db\(name)")
      #expect(file.st_uid == 54_320 && file.st_gid == 54_321)
    }
    // Its memory, its environment and its files are for nobody else, not even for others of the service's user.
    var process = stat()
    #expect(stat("/proc/\(daemon.processID)/environ", &process) == 0 && process.st_uid == 0)
    let limits = FileManager.default.contents(atPath: "/proc/\(daemon.processID)/limits") ?? Data()
    let core = String(decoding: limits, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Max core file") }
    #expect(core?.split(separator: " ").filter { $0 == "0" }.count == 2, "\(core ?? "-")")

    try await expectAllIsSeen(lab, "running", status: 0)
    daemon.signal(SIGKILL)
    _ = try await daemon.finish(within: 10)
    try await expectAllIsSeen(lab, "killed", status: 2)
    let second = try await start()
    try await expectAllIsSeen(lab, "running again", status: 0)
    second.signal(SIGTERM)
    #expect(try await second.finish(within: 10).status == 0)
    try await expectAllIsSeen(lab, "stopped", status: 2)
    // Nobody of the group changes anything.
    let denied = try await run(Self.onCall, ["sync"], lab)
    #expect(denied.status == 74, "\(denied.status) \(denied.errorText)")
  }
}
