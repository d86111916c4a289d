import Configuration
import FoundationEssentials
import Ledger
import TestServers
import Testing

@testable import Engine

struct ArtifactFolderWatchTests {
  private func stamps(_ folder: TemporaryFolder) -> [String: FileStamp] { ArtifactFiles(folder: folder.path).stamps }

  @Test func filesAreReadWhenTheyHaveStoodStillForALook() throws {
    let folder = try TemporaryFolder()
    var patience = FolderPatience()
    var verdicts = [patience.look(stamps(folder))]
    try folder.write("{}", to: "run_results.json")
    for _ in 0..<2 { verdicts.append(patience.look(stamps(folder))) }
    patience.noteRead()
    verdicts.append(patience.look(stamps(folder)))
    try folder.write("{ }", to: "run_results.json")
    for _ in 0..<2 { verdicts.append(patience.look(stamps(folder))) }
    #expect(verdicts == [.wait, .wait, .read(isFinal: false), .wait, .wait, .read(isFinal: false)])
  }

  @Test func filesThatDoNotBelongTogetherAreTakenInTheEndAndOnce() throws {
    let folder = try TemporaryFolder()
    try folder.write("{}", to: "run_results.json")
    var patience = FolderPatience()
    let verdicts = (0..<100).map { _ in patience.look(stamps(folder)) }
    #expect(verdicts.count { $0 == .read(isFinal: true) } == 1)
    #expect(verdicts.last == .wait)
  }

  @Test func eachInvocationIsRecordedOnceAlsoAfterARestart() async throws {
    let folder = try TemporaryFolder()
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing)
    try await ledger.open()
    let target = try TemporaryFolder()
    func put(_ fixture: String) throws {
      for name in ["manifest.json", "run_results.json"] {
        let path = target.file(name)
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: Fixtures.path("dbt/1.12-postgres/\(fixture)/\(name)"), toPath: path)
      }
    }
    func watch() throws -> ArtifactFolderWatch {
      ArtifactFolderWatch(
        DbtArtifactsConfiguration(name: "nightly", path: target.path), ledger: ledger,
        reader: CoreRunReader(reader: ArtifactReader(), folder: try WorkFolder()))
    }
    func looks(_ watch: ArtifactFolderWatch) async throws -> Int {
      var runs = 0
      for _ in 0..<4 { runs += try await watch.look().runs }
      return runs
    }
    let first = try watch()
    try put("07_build")
    #expect(try await looks(first) == 1)
    try put("03_run")
    #expect(try await looks(first) == 1)
    #expect(try await looks(try watch()) == 0)
    await ledger.close()
  }
}
