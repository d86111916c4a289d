import DbtArtifacts
import ExecutionModel

@testable import JSONText

/// The artifacts of one step: run_results, manifest, catalog and sources, with a zero byte between two. An empty one
/// is not there.
enum ArtifactsTarget {
  private struct Files {
    let runResults = MemoryFile()
    let manifest = MemoryFile()
    let catalog = MemoryFile()
    let sources = MemoryFile()
  }

  static func run(_ input: [UInt8]) {
    let parts = input.split(separator: 0, maxSplits: 3, omittingEmptySubsequences: false)
    let files = Files()
    var held: [Bool] = []
    for (index, file) in [files.runResults, files.manifest, files.catalog, files.sources].enumerated() {
      let part = index < parts.count ? parts[index] : []
      file.hold(part)
      held.append(!part.isEmpty)
      JSONPromises.check(Array(part))
    }
    let results = held[0] ? read { () throws(ArtifactError) in try RunResults(path: files.runResults.path) } : nil
    let freshness = held[3] ? read { () throws(ArtifactError) in try SourceFreshness(path: files.sources.path) } : nil
    let wanted = (results?.uniqueIDs ?? []).union(freshness?.uniqueIDs ?? [])
    let manifest =
      held[1] ? read { () throws(ArtifactError) in try Manifest(path: files.manifest.path, keeping: wanted) } : nil
    if held[1] {
      _ = read { () throws(ArtifactError) in
        try Manifest(path: files.manifest.path, keeping: wanted, keepsSQL: true)
      }
    }

    var step = DbtStep(index: 1)
    if let results {
      must(results.results.allSatisfy { $0.failures != .min }, "a count is a count")
      _ = step.fill(results, manifest: manifest)
    }
    addCatalog(held[2] ? files.catalog.path : nil, to: &step)
    check(step)
    if let freshness {
      var step = DbtStep(index: 1)
      _ = step.fill(freshness, manifest: manifest)
      addCatalog(held[2] ? files.catalog.path : nil, to: &step)
      check(step)
    }
  }

  private static func addCatalog(_ path: String?, to step: inout DbtStep) {
    guard let path else { return }
    let wanted = Set(step.nodes.keys)
    if let catalog = read({ () throws(ArtifactError) in try Catalog(path: path, keeping: wanted) }) {
      must(catalog.nodes.keys.allSatisfy(wanted.contains), "a catalog keeps what was asked for alone")
      step.add(catalog)
    }
  }

  private static func check(_ step: DbtStep) {
    for result in step.results {
      must(Set(result.inputs).count == result.inputs.count, "a node reads each of its inputs once")
      must(
        result.inputs.allSatisfy { step.nodes[$0]?.relation != nil }, "an input is a node of the step with a relation")
    }
  }

  private static func read<Value>(_ body: () throws(ArtifactError) -> Value) -> Value? {
    do { return try body() } catch {
      must(!error.description.isEmpty, "an error says what happened")
      return nil
    }
  }
}
