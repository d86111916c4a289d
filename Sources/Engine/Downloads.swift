import DbtCloud
import Synchronization

/// Artifacts that were downloaded, until their run was read whole: what has come once is not asked for again when the
/// reading of a run breaks off and begins anew. They go with the work folder.
final class Downloads: Sendable {
  private struct Run {
    /// What the run was when they were downloaded: of another version nothing is used.
    var head: DbtRunHead
    var files: [String: Int] = [:]
    var isBeingRead = true
    var number: Int
  }

  private struct State {
    var runs: [Int64: Run] = [:]
    var count = 0
  }

  private let state = Mutex(State())
  private let folder: WorkFolder
  private let prefix: String

  /// Bytes that may wait for runs whose reading broke off.
  private static let waitingBytes = 1 << 30

  /// - Parameter account: one object is made for each account.
  init(account: String, folder: WorkFolder) {
    self.folder = folder
    prefix = "\(folder.path)/\(account)"
  }

  /// Begins to read a run. Files of another version of it are removed.
  func begin(_ run: Int64, _ head: DbtRunHead) {
    let old: [String] = state.withLock { state in
      state.count += 1
      let known = state.runs[run]
      let files = known?.head == head ? known?.files ?? [:] : [:]
      state.runs[run] = Run(head: head, files: files, number: state.count)
      return known.map { Array($0.files.keys.filter { files[$0] == nil }) } ?? []
    }
    for path in old { unlinkFile(path) }
  }

  /// Where an artifact goes, and whether it is there already.
  func file(_ run: Int64, step: Int, name: String) -> (path: String, isThere: Bool) {
    let path = "\(prefix)-\(run)-\(step)-\(name)"
    return (path, state.withLock { $0.runs[run]?.files[path] != nil })
  }

  /// Notes that a file has come.
  func note(_ path: String, bytes: Int, of run: Int64) { state.withLock { $0.runs[run]?.files[path] = bytes } }

  /// Removes a file that cannot be read, so that it is fetched again.
  func drop(_ path: String, of run: Int64) {
    state.withLock { _ = $0.runs[run]?.files.removeValue(forKey: path) }
    unlinkFile(path)
  }

  /// Ends the reading of a run.
  /// - Parameter isWhole: nothing of it is needed any more.
  func end(_ run: Int64, isWhole: Bool) {
    let old: [String] = state.withLock { state in
      if isWhole { return state.runs.removeValue(forKey: run).map { Array($0.files.keys) } ?? [] }
      state.runs[run]?.isBeingRead = false
      var old: [String] = []
      let waiting = state.runs.filter { !$0.value.isBeingRead }.sorted { $0.value.number < $1.value.number }
      var bytes = waiting.reduce(0) { $0 + $1.value.files.values.reduce(0, +) }
      for (id, run) in waiting where bytes > Self.waitingBytes {
        bytes -= run.files.values.reduce(0, +)
        old += run.files.keys
        state.runs[id] = nil
      }
      return old
    }
    for path in old { unlinkFile(path) }
  }
}
