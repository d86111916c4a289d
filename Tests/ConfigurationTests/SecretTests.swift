import Glibc
import TestServers
import Testing

@testable import Configuration

struct SecretTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func secret(_ path: String) -> Secret { Secret(.file(path), key: "dbt_cloud[0].token_file") }

  private func failure(_ secret: Secret) -> SecretError? {
    do throws(SecretError) {
      _ = try secret.read()
      return nil
    } catch { return error }
  }

  @Test(arguments: ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\n\n"])
  func aFileIsReadWithoutTheNewlinesAtItsEnd(_ text: String) throws {
    #expect(try secret(folder.file("token", text.utf8)).read() == "hunter2")
  }

  @Test func spacesBelongToTheSecret() throws {
    #expect(try secret(folder.file("token", " a b \n".utf8)).read() == " a b ")
  }

  @Test func aChangedFileIsReadAnew() throws {
    let secret = secret(folder.file("token", "old".utf8))
    #expect(try secret.read() == "old")
    _ = folder.file("token", "new".utf8)
    #expect(try secret.read() == "new")
  }

  @Test func anUnusableFileIsRefusedByKeyAndPath() throws {
    let cases: [(String, SecretError.Kind)] = [
      (folder.path + "/absent", .unreadable), (folder.path, .unreadable), ("/dev/null", .unreadable),
      (folder.file("empty", []), .unusable), (folder.file("newline", "\n".utf8), .unusable),
      (folder.file("two", "hunter2\nhunter3".utf8), .unusable), (folder.file("nul", [0x68, 0, 0x69]), .unusable),
      (folder.file("latin1", [0x68, 0xE9]), .unusable),
      (folder.file("large", [UInt8](repeating: 0x61, count: 70_000)), .unreadable),
    ]
    for (path, kind) in cases {
      let error = try #require(failure(secret(path)), "\(path)")
      #expect(error.kind == kind, "\(path)")
      #expect(error.description.hasPrefix("dbt_cloud[0].token_file: \(path)"), "\(error)")
      #expect(!error.description.contains("hunter") && error.isSafeToRetry)
    }
  }

  @Test(.enabled(if: getuid() != 0, "root may read everything"))
  func aForbiddenFileSaysWhoMustBeAbleToReadIt() {
    #expect(failure(secret(folder.file("mine", "x".utf8, mode: 0)))?.description.contains("let the user") == true)
  }

  @Test func aPipeDoesNotHoldTheReaderUp() throws {
    let path = folder.path + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    #expect(failure(secret(path))?.kind == .unreadable)
  }

  @Test func aFileForEverybodyIsAWarning() {
    #expect(secret(folder.file("open", "x".utf8, mode: 0o644)).warning?.contains("chmod o-rwx") == true)
    #expect(secret(folder.file("group", "x".utf8, mode: 0o640)).warning == nil)
    #expect(secret(folder.path + "/absent").warning == nil)
    #expect(Secret(.inline("x"), key: "k").warning == nil)
  }

  @Test func theCredentialsDirectoryIsFilledInWhenRead() throws {
    let secret = secret("${CREDENTIALS_DIRECTORY}/dbt_token")
    _ = folder.file("dbt_token", "hunter2".utf8)
    for unset in [nil, ""] {
      #expect {
        try secret.read(credentialsDirectory: unset)
      } throws: {
        "\($0)".contains("LoadCredential=")
      }
    }
    #expect(try secret.read(credentialsDirectory: folder.path) == "hunter2")
  }

  @Test func printingOneShowsNothing() {
    let secrets: [Secret] = [
      Secret(.inline("hunter2"), key: "token"), Secret(.command(.shell("echo hunter2")), key: "token_command"),
      Secret(.command(.arguments(["echo", "hunter2"])), key: "token_command"),
    ]
    for secret in secrets {
      #expect("\(secret)" == "***" && String(reflecting: secret.source) == "***")
      var dumped = "\(secret.source) \([secret]) \(Optional(secret) as Any) \(["k": secret])"
      dump(secret, to: &dumped)
      dump(secret.source, to: &dumped)
      dump([secret.source], to: &dumped)
      #expect(!dumped.contains("hunter2"), "\(dumped)")
    }
    #expect("\(SecretCommand.shell("hunter2"))" == "***")
  }
}
