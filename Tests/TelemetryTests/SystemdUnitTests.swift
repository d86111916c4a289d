import Glibc
import TestServers
import Testing

/// The files in systemd/, judged by systemd's own programs.
@Suite(.enabled(if: access("/usr/bin/systemd-analyze", X_OK) == 0, "systemd is not installed here"))
struct SystemdUnitTests {
  private let folder: TemporaryFolder
  private let unit: String

  init() throws {
    folder = try TemporaryFolder()
    unit = try Self.text("airflow-syncer.service")
  }

  private static func path(_ name: String) -> String {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(3)
    return parts.joined(separator: "/") + "/systemd/" + name
  }

  private static func text(_ name: String) throws -> String {
    let file = try #require(fopen(path(name), "r"), "\(path(name))")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// What a shell command prints to both outputs, and its exit status.
  private func run(_ command: String) throws -> (output: String, status: Int32) {
    let pipe = try #require(popen("{ \(command); } 2>&1", "r"))
    var output = ""
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 {
      output += String(decoding: chunk[..<count], as: UTF8.self)
    }
    return (output, pclose(pipe) >> 8 & 0xFF)
  }

  /// The unit with a program that exists: where it is tested, ours is not installed.
  private func installed(_ text: String) throws -> String {
    let words = text.split(separator: "/usr/bin/airflow-syncer", omittingEmptySubsequences: false)
    #expect(words.count == 2)
    return try folder.write(words.joined(separator: "/bin/true"), to: "airflow-syncer.service")
  }

  @Test func systemdHasNothingToSayAboutTheUnit() throws {
    let path = try installed(unit)
    let verified = try run("systemd-analyze verify --recursive-errors=no '\(path)'")
    #expect(verified.output == "" && verified.status == 0)
    // The check itself must be able to fail: it ends with 0 even on unknown keys.
    let broken = try installed(unit + "\n[Service]\nNoSuchKey=1\n")
    #expect(try run("systemd-analyze verify --recursive-errors=no '\(broken)'").output.contains("NoSuchKey"))
  }

  @Test func theServiceIsHardened() throws {
    let path = try installed(unit)
    let score = try run("systemd-analyze security --offline=true --no-pager --threshold=15 '\(path)'")
    #expect(score.status == 0, "\(score.output.suffix(200))")
    let loose = try installed(
      unit.split(separator: "\n").filter { !$0.hasPrefix("SystemCall") && !$0.hasPrefix("Protect") }
        .joined(separator: "\n"))
    #expect(try run("systemd-analyze security --offline=true --threshold=15 '\(loose)'").status != 0)
  }

  @Test func whatTheProgramReliesOnIsThere() throws {
    let lines = unit.split(separator: "\n")
    for line in [
      "Type=notify", "StateDirectory=airflow-syncer", "StateDirectoryMode=0750", "RuntimeDirectory=airflow-syncer",
      "RuntimeDirectoryMode=0750", "LimitCORE=0", "UMask=0027", "User=airflow-syncer",
      "Group=airflow-syncer", "TimeoutStopSec=15", "Restart=on-failure", "RestartPreventExitStatus=64 78",
      "RestartSec=5", "StartLimitIntervalSec=0",
      "WatchdogSec=60", "ExecReload=/bin/kill -HUP $MAINPID",
    ] {
      #expect(lines.contains { $0 == line }, "\(line)")
    }
    let loaded = lines.filter { $0.hasPrefix("LoadCredential=") }.compactMap { $0.split(separator: ":").first }
    for credential in loaded {
      let name = credential.dropFirst("LoadCredential=".count)
      #expect(lines.contains { $0 == "SetCredential=\(name):\\n" }, "\(name) has no default and must exist")
    }
    #expect(loaded.count == 3)
  }

  @Test func theUserIsMade() throws {
    let made = try run(
      "mkdir -p '\(folder.path)/etc' && systemd-sysusers --root='\(folder.path)' '\(Self.path("airflow-syncer.sysusers.conf"))'"
        + " && grep -h airflow-syncer '\(folder.path)/etc/passwd' '\(folder.path)/etc/group'")
    #expect(made.status == 0, "\(made.output)")
    #expect(made.output.contains(":airflow-syncer:/var/lib/airflow-syncer:/usr/sbin/nologin"))
  }

  @Test(.enabled(if: getuid() == 0, "only root may give folders away"))
  func theFoldersAreMade() throws {
    let made = try run(
      "mkdir -p '\(folder.path)/etc' && systemd-sysusers --root='\(folder.path)' '\(Self.path("airflow-syncer.sysusers.conf"))'"
        + " > /dev/null 2>&1 && systemd-tmpfiles --create --root='\(folder.path)'"
        + " '\(Self.path("airflow-syncer.tmpfiles.conf"))'"
        + " && stat -c '%a %u' '\(folder.path)/etc/airflow-syncer' '\(folder.path)/etc/airflow-syncer/credentials'")
    #expect(made.output == "750 0\n700 0\n" && made.status == 0)
  }
}
