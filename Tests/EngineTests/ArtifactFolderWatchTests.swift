import Configuration
import FoundationEssentials
import Ledger
import Synchronization
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
    patience.noteRead(isDone: true)
    verdicts.append(patience.look(stamps(folder)))
    try folder.write("{ }", to: "run_results.json")
    for _ in 0..<2 { verdicts.append(patience.look(stamps(folder))) }
    #expect(verdicts == [.wait, .wait, .read(isFinal: false), .wait, .wait, .read(isFinal: false)])
  }

  @Test func filesThatDoNotBelongTogetherAreTakenInTheEndAndOnce() throws {
    let folder = try TemporaryFolder()
    try folder.write("{}", to: "run_results.json")
    var patience = FolderPatience()
    let verdicts = (0..<100).map { _ in
      let verdict = patience.look(stamps(folder))
      if case .read(let isFinal) = verdict { patience.noteRead(isDone: isFinal) }
      return verdict
    }
    #expect(verdicts.filter { $0 != .wait } == [.read(isFinal: false), .read(isFinal: true)])
  }

  @Test func whatBrokeOffIsReadAgain() throws {
    let folder = try TemporaryFolder()
    try folder.write("{}", to: "run_results.json")
    var patience = FolderPatience()
    // Nothing is noted, as when the ledger cannot be written.
    let verdicts = (0..<100).map { _ in patience.look(stamps(folder)) }
    #expect(verdicts.dropFirst().allSatisfy { $0 != .wait } && verdicts.last == .read(isFinal: true))
  }

  @Test func aManifestThatComesLateIsAddedToItsRun() async throws {
    let (folder, target) = (try TemporaryFolder(), try TemporaryFolder())
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing)
    try await ledger.open()
    let watch = ArtifactFolderWatch(
      DbtArtifactsConfiguration(name: "nightly", path: target.path), ledger: ledger,
      reader: CoreRunReader(reader: ArtifactReader(), folder: try WorkFolder()))
    for (name, runs) in [("run_results.json", 1), ("manifest.json", 1), ("catalog.json", 0)] {
      let fixture = name == "catalog.json" ? "08_docs_generate" : "07_build"
      try FileManager.default.copyItem(
        atPath: Fixtures.path("dbt/1.12-postgres/\(fixture)/\(name)"), toPath: target.file(name))
      #expect(try await watch.take().runs == runs, "\(name)")
    }
    await ledger.close()
  }

  @Test func statusIsToldHowTheFolderStands() async throws {
    let (folder, parent) = (try TemporaryFolder(), try TemporaryFolder())
    let now = Mutex<Int64>(1_795_132_800_000_000)
    let clock: @Sendable () -> Int64 = { now.withLock { $0 } }
    func pass(seconds: Int64) { now.withLock { $0 += seconds * 1_000_000 } }
    let ledger = Ledger(path: folder.file("ledger.db"), purpose: .syncing, clock: clock)
    try await ledger.open()
    func row() async throws -> LedgerStatus.Folder { try #require(try await ledger.status().folders.first) }
    let target = parent.file("target")
    let watch = ArtifactFolderWatch(
      DbtArtifactsConfiguration(name: "nightly", path: target), ledger: ledger,
      reader: CoreRunReader(reader: ArtifactReader(), folder: try WorkFolder()), clock: clock)

    // It is not there.
    _ = try await watch.look()
    var told = try await row()
    #expect(told.name == "nightly" && told.path == target && told.runs == 0 && told.recordedAt == nil)
    #expect(
      told.error == "\(target) cannot be read: No such file or directory" && told.errorSince?.microseconds == clock())

    // It is, with a file that is damaged.
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
    let damaged = Data("{\"results\": [".utf8)
    #expect(FileManager.default.createFile(atPath: "\(target)/run_results.json", contents: damaged))
    // dbt may be writing it still: after a minute it is what it is.
    for _ in 0..<32 {
      pass(seconds: 2)
      _ = try await watch.look()
    }
    told = try await row()
    #expect(told.error?.contains("run_results.json") == true, "\(told.error ?? "-")")

    // A good one takes its place.
    for name in ["manifest.json", "run_results.json"] {
      try? FileManager.default.removeItem(atPath: "\(target)/\(name)")
      try FileManager.default.copyItem(
        atPath: Fixtures.path("dbt/1.12-postgres/07_build/\(name)"), toPath: "\(target)/\(name)")
    }
    pass(seconds: 2)
    for _ in 0..<3 { _ = try await watch.look() }
    let recordedAt = clock()
    told = try await row()
    #expect(
      told.runs == 1 && told.recordedAt?.microseconds == recordedAt && told.error == nil && told.errorSince == nil)

    // That nothing happens is told once a minute.
    pass(seconds: 30)
    _ = try await watch.look()
    #expect(try await row().lookedAt.microseconds == recordedAt)
    pass(seconds: 31)
    _ = try await watch.look()
    told = try await row()
    #expect(told.lookedAt.microseconds == clock() && told.runs == 1 && told.recordedAt?.microseconds == recordedAt)
    await ledger.close()
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
