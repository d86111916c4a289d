import Ledger
import Telemetry

/// Starts and stops the parts of the daemon as ``PartPlan`` says. One part's start or end disturbs none of the others.
actor PartKeeper {
  private struct Life {
    let stop: StopSign
    let task: Task<Void, Never>
  }

  private let make: @Sendable (PartDefinition) throws -> any Service
  private let release: @Sendable (PartName) async -> Void
  private let around: ServiceSurroundings
  private var plan: PartPlan<PartDefinition>
  private var lives: [PartName: Life] = [:]
  private var isEnding = false

  /// Seconds that a delivery may go on when its sink is stopped while others work.
  private static let patience = 2.0

  /// - Parameters:
  ///   - takesLeases: whether others may work on the same ledger.
  ///   - make: makes a part that does not work yet.
  ///   - release: gives back the lease of a part that has ended.
  init(
    takesLeases: Bool, around: ServiceSurroundings,
    making make: @escaping @Sendable (PartDefinition) throws -> any Service,
    releasing release: @escaping @Sendable (PartName) async -> Void
  ) {
    plan = PartPlan(takesLeases: takesLeases)
    self.around = around
    self.make = make
    self.release = release
  }

  /// The parts whose leases are wanted.
  var leasesWanted: Set<PartName> { plan.leasesWanted }

  /// The parts that are wanted, as they are wanted.
  var wanted: [PartName: PartDefinition] { plan.wanted }

  /// These parts are wanted from now on, and no others.
  func want(_ definitions: [PartName: PartDefinition]) { perform(plan.want(definitions)) }

  /// These leases are held, and no others.
  func hold(_ tokens: [PartName: Int64]) {
    let before = plan.tokens
    for (part, token) in tokens.sorted(by: { $0.key < $1.key }) where before[part] != token {
      around.telemetry.emit(LeaseTaken(part: part))
    }
    for part in before.keys.sorted() where tokens[part] == nil { around.telemetry.emit(LeaseLost(part: part)) }
    perform(plan.hold(tokens))
  }

  /// Ends all parts: reading at once, deliveries after `seconds` at most. Nothing is started any more.
  func end(drainSeconds seconds: Double) async {
    isEnding = true
    for (name, life) in lives { stop(name, life, seconds: seconds) }
    for life in lives.values { await life.task.value }
  }

  /// Ends what is still under way.
  func cancel() { for life in lives.values { life.task.cancel() } }

  // MARK: Acting

  private func perform(_ actions: [PartPlan<PartDefinition>.Action]) {
    for action in actions where !isEnding {
      switch action {
      case .start(let name, let definition, let token): start(name, definition, token)
      case .stop(let name): if let life = lives[name] { stop(name, life, seconds: 0) }
      case .release(let name): Task { await release(name) }
      }
    }
  }

  private func start(_ name: PartName, _ definition: PartDefinition, _ token: Int64?) {
    let stop = StopSign()
    let fence = token.map { token in
      Fence(part: name, token: token) { [weak self] in
        Task { await self?.lose(name, token) }
      }
    }
    let make = make
    let around = around
    let task = Task {
      do {
        let service = try make(definition)
        await Fence.$current.withValue(fence) { await service.run(until: stop) }
        await service.close()
      } catch {
        around.telemetry.emit(PartUnusable(part: name, detail: "\(error)"))
        // Until it is wanted otherwise.
        while !stop.isSet { await stop.wait(seconds: 3600) }
      }
      self.noteEnd(of: name)
    }
    lives[name] = Life(stop: stop, task: task)
  }

  /// What was read and not kept is read again; a delivery that is under way may come to its end.
  private func stop(_ name: PartName, _ life: Life, seconds: Double) {
    life.stop.set(seconds: seconds)
    guard name.kind == .sink else { return life.task.cancel() }
    let patience = max(seconds, Self.patience)
    Task {
      try? await Task.sleep(for: .seconds(patience))
      life.task.cancel()
    }
  }

  private func lose(_ name: PartName, _ token: Int64) {
    guard plan.tokens[name] == token else { return }
    around.telemetry.emit(LeaseLost(part: name))
    perform(plan.lose(name, token: token))
  }

  private func noteEnd(of name: PartName) {
    lives[name] = nil
    around.outages.forget(name.kind.rawValue, name.name)
    around.bells.remove(name)
    perform(plan.ended(name))
  }
}
