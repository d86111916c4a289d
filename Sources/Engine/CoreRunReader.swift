import DbtArtifacts
import ExecutionModel
import Ledger

/// The artifacts of dbt in files of this machine.
public struct ArtifactFiles: Hashable, Sendable {
  public var manifest: String?
  public var runResults: String?
  public var catalog: String?
  public var sources: String?

  public init(
    manifest: String? = nil, runResults: String? = nil, catalog: String? = nil, sources: String? = nil
  ) {
    self.manifest = manifest
    self.runResults = runResults
    self.catalog = catalog
    self.sources = sources
  }

  /// Where dbt writes them in a folder, whether or not they are there.
  public init(folder: String) {
    var folder = folder
    while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    self.init(
      manifest: "\(folder)/\(ArtifactName.manifest.rawValue)",
      runResults: "\(folder)/\(ArtifactName.runResults.rawValue)",
      catalog: "\(folder)/\(ArtifactName.catalog.rawValue)", sources: "\(folder)/\(ArtifactName.sources.rawValue)")
  }

  /// What tells one state of the files from another; a file that is not there is left out.
  var stamps: [String: FileStamp] {
    let paths = [manifest, runResults, catalog, sources].compactMap(\.self)
    return Dictionary(paths.compactMap { path in FileStamp(path: path).map { (path, $0) } }) { first, _ in first }
  }

  /// Those that are there.
  var present: ArtifactFiles {
    let stamps = stamps
    func there(_ path: String?) -> String? { path.flatMap { stamps[$0] == nil ? nil : $0 } }
    return ArtifactFiles(
      manifest: there(manifest), runResults: there(runResults), catalog: there(catalog), sources: there(sources))
  }
}

/// Reads the runs that a set of artifacts tells of. Files are copied before they are read: dbt may write them anew at any
/// moment.
struct CoreRunReader: Sendable {
  let reader: ArtifactReader
  let folder: WorkFolder
  /// Of the catalog, so that it is read beside the results.
  private let catalogReader = ArtifactReader()
  /// Copies a file while another one is read.
  private let copier = ArtifactReader()

  init(reader: ArtifactReader, folder: WorkFolder) {
    self.reader = reader
    self.folder = folder
  }

  /// Keeps the nodes of a large project while it is still read.
  typealias KeepNodes = @Sendable (AsyncStream<[DbtNode]>) async throws -> KeptDbtNodes

  /// What was found.
  struct Outcome: Sendable {
    var runs: [DbtRun] = []
    /// Whether dbt seems not to be done: a file changed while it was read, or is only half there, or those of one
    /// invocation are not all written.
    var isUnfinished = false
    /// What cannot be used, each with what to do.
    var problems: [String] = []
    /// Why files that can be read tell of no run.
    var remarks: [String] = []
    /// What a run lacks because the files do not belong together.
    var lacks: [DbtRunKey: String] = [:]
    /// Nodes of the runs that are in the ledger already.
    var kept = KeptDbtNodes()
  }

  /// - Parameters:
  ///   - name: whose runs they are; nil for the name of the dbt project.
  ///   - isFinal: nothing more is waited for: what is there is used without what is missing.
  ///   - keep: nil to keep nodes with their runs alone.
  func read(
    _ files: ArtifactFiles, name: String?, isFinal: Bool, keep: KeepNodes? = nil
  ) async throws -> Outcome {
    var outcome = Outcome()
    let (own, paths) = (files, folder.freshPaths(4))
    async let tables = load(await copy(own.catalog, to: paths[0]), isFinal) {
      try await catalogReader.catalog($0, keeping: nil)
    }
    let copyOfResults = await copy(files.runResults, to: paths[1])
    async let copyOfManifest = copy(own.manifest, to: paths[3])
    let results = try await load(copyOfResults, isFinal) { try await reader.runResults($0) }
    let freshness = try await load(await copy(files.sources, to: paths[2]), isFinal) { try await reader.freshness($0) }
    let catalog = try await tables
    let wanted = (results.value?.uniqueIDs ?? []).union(freshness.value?.uniqueIDs ?? [])
    let (pieces, continuation) = AsyncStream.makeStream(of: [DbtNode].self)
    async let kept = keep?(pieces)
    defer { continuation.finish() }
    let manifest = try await load(await copyOfManifest, isFinal) {
      try await reader.manifest(
        $0, keeping: wanted, catalog: catalog.value, pieces: keep == nil ? nil : continuation)
    }
    // The ledger is not done with the last pieces when they have been read: the runs are made meanwhile.
    continuation.finish()
    outcome.isUnfinished = results.isBroken || freshness.isBroken || manifest.isBroken || catalog.isBroken
    outcome.problems = [results.problem, freshness.problem, manifest.problem, catalog.problem].compactMap(\.self)
    if !outcome.isUnfinished || isFinal {
      let rest = CoreRun(manifest: manifest.value, catalog: catalog.value, isManifestBroken: manifest.isBroken)
      add(rest, results.value, freshness.value, name, isFinal, files, &outcome)
    }
    outcome.kept = try await kept ?? KeptDbtNodes()
    return outcome
  }

  private func add(
    _ rest: CoreRun, _ results: RunResults?, _ freshness: SourceFreshness?, _ name: String?, _ isFinal: Bool,
    _ files: ArtifactFiles, _ outcome: inout Outcome
  ) {
    if let results {
      if results.areResults {
        var run = rest
        run.results = results
        add(run, name, isFinal, files, &outcome)
      } else {
        let path = files.runResults ?? ArtifactName.runResults.rawValue
        outcome.remarks.append(
          "\(path) has no results: `dbt \(results.which ?? "")` has written it. Record the invocation before that one.")
      }
    }
    if let freshness {
      var run = rest
      run.freshness = freshness
      add(run, name, isFinal, files, &outcome)
    }
  }

  private func add(
    _ one: CoreRun, _ name: String?, _ isFinal: Bool, _ files: ArtifactFiles, _ outcome: inout Outcome
  ) {
    let isWhole = one.manifest.map { $0.metadata.invocationID == one.invocationID } ?? false
    if !isWhole, !isFinal {
      outcome.isUnfinished = true
      return
    }
    // A manifest of another invocation may be another state of the project: nothing but the project's name is taken of it.
    if let run = one.run(name: name) {
      outcome.runs.append(run)
      if one.manifest != nil, run.steps.first?.manifest == .invalid, let path = files.manifest {
        outcome.lacks[run.key] =
          "\(path) is of another invocation of dbt than \(one.invocationID ?? "-"): that run is recorded without it"
      }
    } else if one.invocationID == nil {
      outcome.problems.append(
        "the artifacts have no `metadata.invocation_id`, by which a run is known; they are not used")
    } else {
      outcome.problems.append(
        "no manifest.json names the dbt project (before dbt 1.5 none does): give the run a name (--name)")
    }
  }

  /// What became of one file.
  private struct Loaded<Value: Sendable>: Sendable {
    /// nil when there is no such file, or it cannot be used.
    var value: Value?
    var isBroken = false
    var problem: String?
  }

  /// A file as it was at one moment.
  private struct Copy {
    let original: String
    let path: String
    let isWhole: Bool
  }

  /// nil when there is no such file.
  private func copy(_ path: String?, to copy: String) async -> Copy? {
    guard let path, FileStamp(path: path) != nil else { return nil }
    return Copy(original: path, path: copy, isWhole: await copier.copy(path, to: copy))
  }

  private func load<Value>(
    _ copy: Copy?, _ isFinal: Bool, read: (String) async throws -> Value
  ) async throws -> Loaded<Value> {
    guard let copy else { return Loaded() }
    defer { discard(copy) }
    do {
      if copy.isWhole { return Loaded(value: try await read(copy.path)) }
      return Loaded(
        isBroken: true,
        problem: isFinal ? "\(copy.original) cannot be read, or changes while it is read; try again" : nil)
    } catch let error as ArtifactError {
      return Loaded(
        isBroken: true, problem: isFinal ? "\(copy.original): \(error.description) It is not used." : nil)
    }
  }

  /// Freeing a large file takes a while that nobody waits for; what is left at the end goes with the folder.
  private func discard(_ copy: Copy) {
    Task { [copier] in await copier.remove(copy.path) }
  }
}
