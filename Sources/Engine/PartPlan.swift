import Ledger

/// Which parts are to be started and stopped, given which are wanted, which leases are held and which run. Pure.
///
/// A part runs while it is wanted and, where it takes a lease, the lease is held. When its definition or its lease becomes
/// another one, it is stopped, and started anew when it has ended.
struct PartPlan<Definition: Equatable> {
  enum Action: Equatable {
    /// - token: of the lease; nil for a part without one.
    case start(PartName, Definition, token: Int64?)
    case stop(PartName)
    /// Its lease is of no more use.
    case release(PartName)
  }

  private struct Part {
    var wanted: Definition?
    var running: (definition: Definition, token: Int64?)?
    var isStopping = false
  }

  private let takesLeases: Bool
  private var parts: [PartName: Part] = [:]
  /// Of the leases that are held.
  private(set) var tokens: [PartName: Int64] = [:]

  /// - Parameter takesLeases: whether others may work on the same ledger.
  init(takesLeases: Bool) { self.takesLeases = takesLeases }

  /// The parts whose leases are wanted.
  var leasesWanted: Set<PartName> { Set(parts.filter { $1.wanted != nil && isLeased($0) }.keys) }
  /// The parts that run, whether or not they are being stopped.
  var running: Set<PartName> { Set(parts.filter { $1.running != nil }.keys) }
  /// The parts that are wanted, as they are wanted.
  var wanted: [PartName: Definition] { parts.compactMapValues(\.wanted) }

  /// These parts are wanted from now on, and no others.
  mutating func want(_ definitions: [PartName: Definition]) -> [Action] {
    for name in Set(parts.keys).union(definitions.keys) { parts[name, default: Part()].wanted = definitions[name] }
    return settleAll()
  }

  /// These leases are held, and no others.
  mutating func hold(_ held: [PartName: Int64]) -> [Action] {
    tokens = held
    for name in held.keys where parts[name] == nil { parts[name] = Part() }
    return settleAll()
  }

  /// A lease was found to be lost.
  mutating func lose(_ name: PartName, token: Int64) -> [Action] {
    guard tokens[name] == token else { return [] }
    tokens[name] = nil
    return settle(name)
  }

  /// A part has ended, whether or not it was stopped.
  mutating func ended(_ name: PartName) -> [Action] {
    parts[name]?.running = nil
    parts[name]?.isStopping = false
    return settle(name)
  }

  // MARK: Deciding

  private func isLeased(_ name: PartName) -> Bool { takesLeases && name.kind.isLeased }

  private mutating func settleAll() -> [Action] { parts.keys.sorted().flatMap { settle($0) } }

  private mutating func settle(_ name: PartName) -> [Action] {
    guard var part = parts[name] else { return [] }
    defer { parts[name] = part }
    let token = tokens[name]
    let mayRun = !isLeased(name) || token != nil
    guard let running = part.running else {
      if let wanted = part.wanted, mayRun {
        part.running = (wanted, token)
        return [.start(name, wanted, token: token)]
      }
      guard part.wanted == nil, token != nil else { return [] }
      tokens[name] = nil
      return [.release(name)]
    }
    let isAsWanted = part.wanted == running.definition && token == running.token && mayRun
    guard !isAsWanted, !part.isStopping else { return [] }
    part.isStopping = true
    return [.stop(name)]
  }
}
