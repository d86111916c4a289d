import Glibc
import SQLite
import TestServers
import Testing

@testable import Ledger

@_silgen_name("setfsuid") private func setFileSystemUser(_ user: UInt32) -> Int32
@_silgen_name("setfsgid") private func setFileSystemGroup(_ group: UInt32) -> Int32

extension Ledger {
  /// The ledger's own thread takes on the rights of `nobody` in a group, as far as files go.
  fileprivate func becomeNobody(group: UInt32) {
    _ = setFileSystemGroup(group)
    _ = setFileSystemUser(65534)
  }
}

struct LedgerFileTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("ledger.db")
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  private func failure(_ purpose: Ledger.Purpose = .syncing) async -> LedgerError? {
    await #expect(throws: LedgerError.self) { try await Ledger(path: path, purpose: purpose).open() }
  }

  @Test func aNewFileGetsTheNewestSchemaAndSaysWhatItIs() async throws {
    let ledger = Ledger(path: path, purpose: .syncing)
    try await ledger.open()
    let version = try await ledger.schemaVersion()
    #expect(version.found == version.known && version.known >= 1)
    let database = try SQLiteDatabase(path: path, mode: .readOnly)
    #expect(try database.integer("PRAGMA application_id") == 0x6173_796E)
    #expect(try database.integer("PRAGMA page_size") == 8192)
    #expect(try database.prepare("PRAGMA journal_mode").firstRow { $0.text(0) } == "wal")
  }

  @Test func whatWasKeptIsThereAfterOpeningAgain() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40))
    await bench.ledger.close()
    try await bench.ledger.open()
    #expect(try await bench.ledger.runs(RunFilter()).count == 1)
  }

  @Test func aMigrationThatFailsLeavesNothing() async throws {
    // A table of ours in a file that says it is a ledger of version 0: the first migration cannot make it.
    let database = try SQLiteDatabase(path: path, mode: .readWrite)
    try database.execute("CREATE TABLE outbox (id INTEGER); PRAGMA application_id = \(0x6173_796E)")
    let error = await failure()
    #expect(error?.kind == .other)
    #expect(error?.description.contains("outbox") == true)
    #expect(try database.integer("PRAGMA user_version") == 0)
    #expect(try database.integer("SELECT count(*) FROM sqlite_schema") == 1)
  }

  @Test(arguments: [Ledger.Purpose.syncing, .reading]) func aNewerLedgerIsRefused(_ purpose: Ledger.Purpose)
    async throws
  {
    let ledger = Ledger(path: path, purpose: .syncing)
    try await ledger.open()
    await ledger.close()
    let known = LedgerFile.newestVersion
    try SQLiteDatabase(path: path, mode: .readWrite).execute("PRAGMA user_version = \(known + 1)")
    #expect(await failure(purpose)?.kind == .newerSchema(found: known + 1, known: known))
  }

  @Test func anOlderLedgerIsNotMigratedByReading() async throws {
    let ledger = Ledger(path: path, purpose: .syncing)
    try await ledger.open()
    await ledger.close()
    try SQLiteDatabase(path: path, mode: .readWrite).execute("PRAGMA user_version = 0")
    #expect(await failure(.reading)?.kind == .olderSchema(found: 0, known: LedgerFile.newestVersion))
  }

  @Test(arguments: [Ledger.Purpose.syncing, .reading])
  func anotherProgramsDatabaseIsRefusedAndLeftAsItIs(_ purpose: Ledger.Purpose) async throws {
    let database = try SQLiteDatabase(path: path, mode: .readWrite)
    try database.execute("CREATE TABLE theirs (n INTEGER); INSERT INTO theirs VALUES (1)")
    #expect(await failure(purpose)?.kind == .notALedger)
    // A connection learns of another mode when it reads.
    #expect(try database.integer("SELECT count(*) FROM sqlite_schema") == 1)
    #expect(try database.prepare("PRAGMA journal_mode").firstRow { $0.text(0) } == "delete")
  }

  @Test(arguments: [Ledger.Purpose.syncing, .reading])
  func aFileThatIsNoDatabaseIsRefusedAndLeftAsItIs(_ purpose: Ledger.Purpose) async throws {
    let text = String(repeating: "ledger: sqlite\n", count: 200)
    try folder.write(text, to: "ledger.db")
    #expect(await failure(purpose)?.kind == .corrupt)
    #expect(String(decoding: try bytes(), as: UTF8.self) == text)
  }

  private func bytes() throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw TestServerError("cannot read \(path)") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
  }

  @Test func readingCreatesNothing() async throws {
    #expect(await failure(.reading)?.kind == .missing)
    #expect(access(path, F_OK) != 0)
    try folder.write("", to: "ledger.db")
    #expect(await failure(.reading)?.kind == .missing)
  }

  @Test func aMissingFolderIsSaidToBeMissing() async {
    await #expect(throws: LedgerError.self) {
      try await Ledger(path: folder.file("none/ledger.db"), purpose: .syncing).open()
    }
  }

  @Test func theFileAndItsLogAreReadableByTheGroupAlone() async throws {
    let bench = try await Bench()
    try await bench.apply(run("running"))
    for suffix in ["", "-wal", "-shm", ".lock"] {
      #expect(mode(bench.path + suffix) == 0o640 & ~currentMask(), "\(suffix)")
    }
  }

  private func currentMask() -> mode_t {
    let mask = umask(0o022)
    umask(mask)
    return mask
  }

  // MARK: Reading beside a writer and without one

  @Test func readingSeesWhatARunningSyncerKeeps() async throws {
    let bench = try await Bench()
    let reader = Ledger(path: bench.path, purpose: .reading)
    try await reader.open()
    try await bench.apply(run("running"))
    #expect(try await reader.runs(RunFilter()).map(\.state) == ["running"])
    try await bench.apply(run("success", end: 40))
    #expect(try await reader.runs(RunFilter()).map(\.state) == ["success"])
    #expect(try await reader.status().syncer?.isRunning != false)
  }

  @Test(.enabled(if: getuid() == 0, "only root can take on another user's rights"), arguments: [true, false])
  func theGroupMayReadWhetherTheSyncerRunsOrNot(isRunning: Bool) async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40))
    chmod(bench.folder.path, 0o750)
    if !isRunning { await bench.ledger.close() }
    let reader = Ledger(path: bench.path, purpose: .reading)
    await reader.becomeNobody(group: 0)
    try await reader.open()
    #expect(try await reader.runs(RunFilter()).map(\.state) == ["success"])
  }

  @Test(.enabled(if: getuid() == 0, "only root can take on another user's rights"))
  func aLedgerWhoseLogFilesWereTidiedAwayIsReadFromAFolderThatMayNotBeWritten() async throws {
    let bench = try await Bench()
    try await bench.apply(run("success", end: 40))
    await bench.ledger.close()
    // Copied elsewhere, as a backup is.
    try SQLiteDatabase(path: bench.path, mode: .readWrite).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ["-wal", "-shm", ".lock"] { unlink(bench.path + suffix) }
    chmod(bench.folder.path, 0o550)
    let reader = Ledger(path: bench.path, purpose: .reading)
    await reader.becomeNobody(group: 0)
    try await reader.open()
    #expect(try await reader.runs(RunFilter()).map(\.state) == ["success"])
  }

  @Test(.enabled(if: getuid() == 0, "only root can take on another user's rights"))
  func whoMayNotReadIsToldSo() async throws {
    let bench = try await Bench()
    chmod(bench.folder.path, 0o755)
    let reader = Ledger(path: bench.path, purpose: .reading)
    await reader.becomeNobody(group: 65534)
    let error = await #expect(throws: LedgerError.self) { try await reader.open() }
    #expect(error?.kind == .missing)
    #expect(error?.description.contains("may this user read it") == true)
    let writer = Ledger(path: bench.path, purpose: .syncing)
    await bench.ledger.close()
    await writer.becomeNobody(group: 65534)
    let refused = await #expect(throws: LedgerError.self) { try await writer.open() }
    #expect(refused?.kind == .readOnly)
  }
}
