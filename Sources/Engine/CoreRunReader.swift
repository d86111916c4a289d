import DbtArtifacts
import ExecutionModel

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
    fileprivate var broken: Set<String> = []
  }

  /// - Parameters:
  ///   - name: whose runs they are; nil for the name of the dbt project.
  ///   - isFinal: nothing more is waited for: what is there is used without what is missing.
  func read(_ files: ArtifactFiles, name: String?, isFinal: Bool) async throws -> Outcome {
    var outcome = Outcome()
    let copies = Copies(folder)
    defer { copies.remove() }
    let results = try await load(files.runResults, copies, isFinal, &outcome) { try await reader.runResults($0) }
    let freshness = try await load(files.sources, copies, isFinal, &outcome) { try await reader.freshness($0) }
    let wanted = (results?.uniqueIDs ?? []).union(freshness?.uniqueIDs ?? [])
    let manifest = try await load(files.manifest, copies, isFinal, &outcome) {
      try await reader.manifest($0, keeping: wanted)
    }
    let catalog = try await load(files.catalog, copies, isFinal, &outcome) {
      try await reader.catalog($0, keeping: wanted.union(manifest?.nodes.keys.map(\.self) ?? []))
    }
    guard !outcome.isUnfinished || isFinal else { return outcome }
    let rest = CoreRun(
      manifest: manifest, catalog: catalog,
      isManifestBroken: files.manifest.map(outcome.broken.contains) ?? false)
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
    return outcome
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

  /// nil when there is no such file, or it cannot be used.
  private func load<Value>(
    _ path: String?, _ copies: Copies, _ isFinal: Bool, _ outcome: inout Outcome,
    read: (String) async throws -> Value
  ) async throws -> Value? {
    guard let path, FileStamp(path: path) != nil else { return nil }
    let copy = copies.next()
    guard copyFile(path, to: copy) != nil else {
      outcome.isUnfinished = true
      outcome.broken.insert(path)
      if isFinal { outcome.problems.append("\(path) cannot be read, or changes while it is read; try again") }
      return nil
    }
    do { return try await read(copy) } catch let error as ArtifactError {
      outcome.isUnfinished = true
      outcome.broken.insert(path)
      if isFinal { outcome.problems.append("\(path): \(error.description) It is not used.") }
      return nil
    }
  }

  /// Copies in the work folder.
  private final class Copies {
    private let folder: WorkFolder
    private let number = UInt64.random(in: 0...UInt64.max)
    private var paths: [String] = []

    init(_ folder: WorkFolder) { self.folder = folder }

    func next() -> String {
      paths.append("\(folder.path)/files-\(number)-\(paths.count)")
      return paths[paths.count - 1]
    }

    func remove() { for path in paths { unlinkFile(path) } }
  }
}
