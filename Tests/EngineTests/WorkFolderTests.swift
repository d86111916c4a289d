import Glibc
import TestServers
import Testing

@testable import Engine

struct WorkFolderTests {
  @Test func theFolderGoesWithItsOwner() throws {
    var folder: WorkFolder? = try WorkFolder()
    let path = try #require(folder?.path)
    let file = "\(path)/manifest.json"
    close(open(file, O_CREAT | O_WRONLY, 0o600))
    #expect(access(file, F_OK) == 0)
    folder = nil
    #expect(access(path, F_OK) != 0)
  }

  @Test func whatAKilledSyncerLeftIsRemovedAtTheNextStart() async throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    // The process id of a process that has ended.
    let ended = try await Subprocess.run(["/bin/sh", "-c", "echo $$"]).text.filter(\.isNumber)
    let left = "\(parent)/airflow-syncer-\(ended)-left"
    let living = "\(parent)/airflow-syncer-\(getppid())-living"
    let other = "\(parent)/airflow-syncer-notes"
    for path in [left, living, other] { mkdir(path, 0o700) }
    defer { for path in [left, living, other] { rmdir(path) } }
    close(open("\(left)/run_results.json", O_CREAT | O_WRONLY, 0o600))
    _ = try WorkFolder()
    #expect(access(left, F_OK) != 0)
    #expect(access(living, F_OK) == 0)
    #expect(access(other, F_OK) == 0)
  }
}
