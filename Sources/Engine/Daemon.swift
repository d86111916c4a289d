import Configuration
import Glibc
import Ledger
import Platform
import Telemetry

/// The syncer as a service: reads every Airflow instance, fetches dbt runs and delivers, each at its own pace, until it
/// is told to stop. The loss of a partner is logged once, retried and healed; it stops none of the others. Parts come, go
/// and change with the configuration, and with the leases where several daemons share a ledger.
public struct Daemon: Sendable {
  private let initial: Configuration
  private let load: @Sendable () throws -> Configuration
  let ledger: Ledger
  private let leases: LeaseBook?
  private let parts: PartKeeper
  let around: ServiceSurroundings
  private let notifier: ServiceNotifier
  private let telling: Telling?
  var telemetry: Telemetry { around.telemetry }

  /// Seconds that delivery may go on after a request to stop.
  private static let drainSeconds = 6.0
  /// Seconds after which the process ends, whatever hangs.
  private static let stopSeconds = 9.5

  /// - Parameters:
  ///   - telling: what is told over the status socket; nil opens none.
  ///   - load: reads the configuration anew; SIGHUP asks for that.
  /// - Throws: what makes the configuration unusable; nothing is opened yet.
  public init(
    _ configuration: Configuration, telemetry: Telemetry, notifier: ServiceNotifier = ServiceNotifier(),
    telling: Telling? = nil, loading load: @escaping @Sendable () throws -> Configuration
  ) throws {
    initial = configuration
    self.load = load
    self.telling = telling
    self.notifier = notifier
    // What is wrong with an address is told before anything is opened.
    for account in configuration.dbtCloud { _ = try account.account(allowsPlainHTTP: configuration.allowPlainHTTP) }
    let ledger = Ledger(at: configuration.ledgerPlace, purpose: .syncing)
    self.ledger = ledger
    let leases = try LeaseBook(configuration.ledgerPlace)
    self.leases = leases
    let around = ServiceSurroundings(
      ledger: ledger, telemetry: telemetry, outages: OutageLog(telemetry), bells: Bells(),
      longestWait: leases == nil ? 60 : 5)
    self.around = around
    let bench = try Workbench(ledger, proposing: Capture.links)
    parts = PartKeeper(
      takesLeases: leases != nil, around: around, making: { try bench.service($0, around) },
      releasing: { try? await leases?.release([$0]) })
  }

  /// Runs until a signal comes.
  /// - Parameter signals: SIGTERM, SIGINT and SIGHUP as they come. The first one to stop ends reading, lets deliveries go on
  ///   for a while and ends the process within 10 seconds; the second ends deliveries too. SIGHUP takes up the
  ///   configuration anew.
  /// - Throws: `LedgerError` when the ledger cannot be opened, or a newer program has migrated it.
  public func run(until signals: AsyncStream<Int32>) async throws {
    let reader = ConfigurationReader()
    try await ledger.open()
    try await leases?.enter(mode: "run", version: SyncerVersion.current)
    try await ledger.takeUp(initial)
    try await ledger.noteStart(mode: "run", version: SyncerVersion.current)
    telemetry.emit(SyncerStarted(version: SyncerVersion.current, ledger: ledger.path))
    await parts.want(await reader.parts(of: initial))
    let inForce = ConfigurationInForce(initial)
    let socket = telling.flatMap { openStatusSocket($0, inForce) }
    notifier.ready(status: "started")
    let stop = StopSign()
    let leading = leases.map { book in Task { try await lead(with: book, stop) } }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await keepAlive(stop) }
      let (requests, request) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
      group.addTask { await reload(on: requests, with: reader, inForce, stop) }
      group.addTask { await obey(signals, stop, reload: { request.yield() }) }
      await stop.wait()
      request.finish()
      Self.armBomb(seconds: Self.stopSeconds)
      await parts.end(drainSeconds: Self.drainSeconds)
      stop.set(seconds: 0)
      group.cancelAll()
    }
    await socket?.close()
    try? await leases?.leave()
    // A full disk must not keep the process from ending.
    try? await ledger.noteStop()
    await ledger.close()
    telemetry.emit(SyncerStopped())
    try await leading?.value
  }

  private func lead(with leases: LeaseBook, _ stop: StopSign) async throws {
    let keeper = LeaseKeeper(book: leases, parts: parts, around: around, looked: { notifier.alive() })
    do { try await keeper.run(until: stop) } catch {
      stop.set(seconds: Self.drainSeconds)
      throw error
    }
  }

  private func obey(_ signals: AsyncStream<Int32>, _ stop: StopSign, reload: @Sendable () -> Void) async {
    for await signal in signals {
      if signal == SIGHUP {
        if !stop.isSet { reload() }
        continue
      }
      telemetry.emit(SyncerStopping(signal: signal))
      if stop.isSet { break }
      notifier.stopping(status: "finishing deliveries")
      stop.set(seconds: Self.drainSeconds)
    }
    await parts.cancel()
  }

  private static func armBomb(seconds: Double) {
    Task.detached {
      try? await Task.sleep(for: .seconds(seconds))
      _exit(75)
    }
  }

  // MARK: Another configuration

  /// One after the other; what is asked for several times meanwhile is done once.
  private func reload(
    on requests: AsyncStream<Void>, with reader: ConfigurationReader, _ inForce: ConfigurationInForce, _ stop: StopSign
  ) async {
    for await _ in requests {
      guard !stop.isSet else { return }
      notifier.reloading()
      let status: String
      do {
        let (new, wanted) = try await reader.change(from: inForce.current, loading: load)
        let before = await parts.wanted
        do { try await ledger.takeUp(new) } catch {
          // All of it, or nothing.
          try? await ledger.takeUp(inForce.current)
          throw error
        }
        try await ledger.noteReload(error: nil)
        guard !stop.isSet else { return }
        inForce.current = new
        await parts.want(wanted)
        telemetry.emit(ConfigurationReloaded(before: before, after: wanted))
        status = "a new configuration is in force"
      } catch {
        telemetry.emit(ReloadRefused(detail: "\(error)"))
        try? await ledger.noteReload(error: "\(error)")
        status = "the configuration before stays in force: \(error)"
      }
      if !stop.isSet { notifier.ready(status: status) }
    }
  }

  // MARK: Telling

  /// Tells systemd that the ledger, which everything goes through, still answers, and how things stand.
  private func keepAlive(_ stop: StopSign) async {
    let interval = notifier.watchdogInterval.map { $0.totalSeconds / 2 } ?? 30
    while !stop.isOver, !Task.isCancelled {
      if let status = try? await ledger.status() {
        notifier.alive()
        if !stop.isSet { notifier.status(StatusLine.text(status, outages: around.outages.current.count)) }
      }
      await stop.wait(seconds: min(interval, 30))
      if stop.isSet { await Task.yield() }
      if stop.isSet, !stop.isOver { try? await Task.sleep(for: .milliseconds(500)) }
    }
  }
}
