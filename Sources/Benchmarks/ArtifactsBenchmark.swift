import CSimdjsonWalk
import DbtArtifacts
import ExecutionModel
import Glibc
import JSONText
import Platform

/// Reads the artifacts of one dbt invocation as the daemon does, without the ledger.
struct ArtifactsBenchmark {
  private let folder: String

  init(_ arguments: [String]) throws {
    guard arguments.count == 1, let folder = arguments.first else { throw WrongUsage() }
    self.folder = folder
  }

  func run() throws {
    let idle = ResourceUsage.privateMegabytes
    var peak = idle
    let begin = ResourceUsage.now
    var step: DbtStep? = DbtStep(index: 1)
    let counts = try read(&step) { peak = max(peak, ResourceUsage.privateMegabytes) }
    let end = ResourceUsage.now
    step = nil
    releaseUnusedMemory()
    let after = ResourceUsage.privateMegabytes
    try StandardOutput.write(
      """
      read \(counts.results) results, \(counts.nodes) nodes with \(counts.columns) columns and \(counts.inputs) inputs \
      in \(fixed(end.seconds - begin.seconds)) s
        processor \(fixed(end.processorSeconds - begin.processorSeconds)) s, private memory \(fixed(peak, 0)) MB \
      (before \(fixed(idle, 0)), given back to \(fixed(after, 0)))

      """)
    let manifest = path(.manifest)
    let skimming = ResourceUsage.now
    _ = try Manifest(path: manifest, keeping: ["model.none.none"])
    let skimmed = ResourceUsage.now.processorSeconds - skimming.processorSeconds
    let walking = ResourceUsage.now
    let values = try JSONDocument(mappingFile: manifest).read { try Self.walk(&$0) }
    let all = ResourceUsage.now.processorSeconds - walking.processorSeconds
    let walked = csimdjson_walk(manifest)
    if let error = walked.error {
      try StandardOutput.write("  simdjson On-Demand: \(String(cString: error))\n")
      return
    }
    let megabytes = Double(walked.bytes) / 1_048_576
    try StandardOutput.write(
      """
        manifest of \(fixed(megabytes, 0)) MB, nothing kept: \(fixed(skimmed)) s, \(fixed(megabytes / skimmed, 0)) MB/s; \
      each of \(values) values: \(fixed(all)) s, \(fixed(megabytes / all, 0)) MB/s
        simdjson On-Demand, each of \(walked.values) values: \(fixed(walked.seconds)) s, \
      \(fixed(megabytes / walked.seconds, 0)) MB/s

      """)
  }

  /// Reads every value with the project's reader, as the other program does; how many there are.
  private static func walk(_ cursor: inout JSONCursor) throws -> Int {
    var count = 1
    switch cursor.kind {
    case .object:
      try cursor.object { key, value in
        _ = key.string
        count += try walk(&value)
      }
    case .array: try cursor.array { count += try walk(&$0) }
    case .string: _ = try cursor.string()
    case .number: _ = try cursor.optionalDouble()
    case .bool: _ = try cursor.optionalBool()
    case .null: _ = try cursor.isNull()
    }
    return count
  }

  private func read(
    _ step: inout DbtStep?, _ look: () -> Void
  ) throws -> (results: Int, nodes: Int, columns: Int, inputs: Int) {
    guard var filled = step else { return (0, 0, 0, 0) }
    let results = try RunResults(path: path(.runResults))
    look()
    let manifest = try Manifest(path: path(.manifest), keeping: results.uniqueIDs)
    look()
    _ = filled.fill(results, manifest: manifest)
    look()
    if access(path(.catalog), R_OK) == 0 {
      filled.add(try Catalog(path: path(.catalog), keeping: Set(filled.nodes.keys)))
      look()
    }
    step = filled
    return (
      filled.results.count, filled.nodes.count, filled.nodes.values.reduce(0) { $0 + $1.columns.count },
      filled.results.reduce(0) { $0 + $1.inputs.count }
    )
  }

  private func path(_ name: ArtifactName) -> String { folder + "/" + name.rawValue }
}
