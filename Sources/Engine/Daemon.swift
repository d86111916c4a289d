import Configuration
import ExecutionModel
import Glibc
import Ledger
import Platform
import Sinks
import Telemetry

/// The syncer as a service: reads every Airflow instance, fetches dbt runs and delivers, each at its own pace, until it
/// is told to stop. The loss of a partner is logged once, retried and healed; it stops none of the others.
public struct Daemon: Sendable {
  private let workshop: Workshop
  private let telemetry: Telemetry
  private let outages: OutageLog
  private let notifier: ServiceNotifier

  /// Seconds that delivery may go on after a request to stop.
  private static let drainSeconds = 6.0
  /// Seconds after which the process ends, whatever hangs.
  private static let stopSeconds = 9.5

  public init(_ configuration: Configuration, telemetry: Telemetry, notifier: ServiceNotifier = ServiceNotifier())
    throws
  {
    workshop = try Workshop(configuration)
    self.telemetry = telemetry
    self.notifier = notifier
    outages = OutageLog(telemetry)
  }

  /// Runs until a signal comes.
  /// - Parameter signals: SIGTERM, SIGINT and SIGHUP as they come. The first one to stop ends reading, lets deliveries go on
  ///   for a while and ends the process within 10 seconds; the second ends deliveries too.
  /// - Throws: `LedgerError` when the ledger cannot be opened.
  public func run(until signals: AsyncStream<Int32>) async throws {
    try await workshop.open(mode: "run")
    telemetry.emit(SyncerStarted(version: SyncerVersion.current, ledger: workshop.ledger.path))
    notifier.ready(status: "started")
    let stop = StopSign()
    await withTaskGroup(of: Void.self) { group in
      let reading = Task { await read(stop) }
      let delivering = Task { await deliver(stop) }
      group.addTask { await keepAlive(stop) }
      group.addTask {
        for await signal in signals {
          guard signal != SIGHUP else {
            telemetry.emit(ReloadIgnored())
            continue
          }
          telemetry.emit(SyncerStopping(signal: signal))
          if stop.isSet { break }
          notifier.stopping(status: "finishing deliveries")
          stop.set(seconds: Self.drainSeconds)
          Self.armBomb(seconds: Self.stopSeconds)
          // What is read after this is read again at the next start.
          reading.cancel()
          Task {
            try? await Task.sleep(for: .seconds(Self.drainSeconds))
            delivering.cancel()
          }
        }
        reading.cancel()
        delivering.cancel()
      }
      // The services end when they see the sign; the signal task ends with its stream.
      await reading.value
      await delivering.value
      stop.set(seconds: 0)
      group.cancelAll()
    }
    await workshop.close()
    telemetry.emit(SyncerStopped())
  }

  private static func armBomb(seconds: Double) {
    Task.detached {
      try? await Task.sleep(for: .seconds(seconds))
      _exit(75)
    }
  }

  private func read(_ stop: StopSign) async {
    await withTaskGroup(of: Void.self) { group in
      for capture in workshop.captures {
        group.addTask { await poll(capture, stop) }
        group.addTask { await loadHistory(capture, stop) }
        group.addTask { await sweep(capture, stop) }
      }
      for enrichment in workshop.enrichments { group.addTask { await fetch(enrichment, stop) } }
      for folder in workshop.artifactFolders { group.addTask { await watch(folder, stop) } }
    }
  }

  private func deliver(_ stop: StopSign) async {
    await withTaskGroup(of: Void.self) { group in
      for sink in workshop.sinks { group.addTask { await deliver(sink, stop) } }
    }
  }

  // MARK: The services

  private func poll(_ capture: Capture, _ stop: StopSign) async {
    let interval = workshop.pollInterval(of: capture.instance)
    var failures = 0
    var warned: [String] = []
    while !stop.isSet {
      let begin = monotonicSeconds()
      var wait = interval
      do {
        let outcome = try await capture.poll()
        outages.succeeded("airflow", capture.instance)
        // A poll writes to the ledger, at least that it has worked.
        outages.succeeded("ledger", workshop.ledger.path)
        failures = 0
        let warnings = await capture.warnings
        if warnings != warned {
          warned = warnings
          for warning in warnings { telemetry.emit(AirflowWarning(instance: capture.instance, text: warning)) }
        }
        if outcome.newRuns + outcome.changedRuns > 0 {
          telemetry.emit(RunsCaptured(instance: capture.instance, outcome: outcome))
          workshop.ringAfterCapture()
        }
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        wait = max(
          interval, Backoff(first: 1, longest: 60).seconds(failures: failures, random: Double.random(in: 0..<1)))
        await note(error, of: capture)
      }
      await stop.wait(seconds: max(0, wait - (monotonicSeconds() - begin)))
    }
  }

  private func loadHistory(_ capture: Capture, _ stop: StopSign) async {
    var failures = 0
    while !stop.isSet {
      do {
        guard try await capture.hasHistory() else { break }
        let outcome = try await capture.loadHistory()
        failures = 0
        if outcome.newRuns + outcome.changedRuns > 0 { workshop.ringAfterCapture() }
        telemetry.emit(HistoryLoaded(instance: capture.instance, outcome: outcome))
      } catch is CancellationError {
        return
      } catch {
        // Live capture tells of the outage; here it is only waited for.
        failures += 1
        await stop.wait(
          seconds: Backoff(first: 2, longest: 60).seconds(failures: failures, random: Double.random(in: 0..<1)))
      }
    }
    await capture.closeBackground()
  }

  /// Compares finished runs with Airflow's. The first sweep waits for history, which brings the same runs; one that takes
  /// long does not hold up those that follow.
  private func sweep(_ capture: Capture, _ stop: StopSign) async {
    let interval = workshop.sweepInterval(of: capture.instance)
    var begin = monotonicSeconds()
    while !stop.isSet, (try? await capture.hasHistory()) ?? true, monotonicSeconds() - begin < interval {
      await stop.wait(seconds: min(interval, 1))
    }
    while !stop.isSet, !Task.isCancelled {
      begin = monotonicSeconds()
      await sweepOnce(capture, stop, interval)
      let wait = begin + interval - monotonicSeconds()
      if wait > 60 { await capture.closeBackground() }
      await stop.wait(seconds: max(0, wait))
    }
  }

  /// One sweep, slice by slice, for no more than a fifth of the time, so that the database hardly notices.
  private func sweepOnce(_ capture: Capture, _ stop: StopSign, _ interval: Double) async {
    var total = Capture.Outcome(isFinished: false)
    var failures = 0
    while !stop.isSet, !total.isFinished {
      do {
        let slice = try await capture.sweep()
        total += slice
        failures = 0
        if slice.newRuns + slice.changedRuns > 0 { workshop.ringAfterCapture() }
        if !slice.isFinished { await stop.wait(seconds: min(slice.serverMilliseconds / 1e3 * 4, interval)) }
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        // Live capture tells of an outage; what only a sweep meets is told by `status`.
        try? await workshop.ledger.note(sweepError: PartnerFailure(error).detail, of: capture.instance)
        let pause = Backoff(first: 2, longest: 60).seconds(failures: failures, random: Double.random(in: 0..<1))
        await stop.wait(seconds: min(interval, pause))
      }
    }
    if total.isFinished { telemetry.emit(SweepFinished(instance: capture.instance, outcome: total)) }
  }

  private func fetch(_ enrichment: Enrichment, _ stop: StopSign) async {
    let name = enrichment.account.name
    let alarm = workshop.alarm(ofAccount: name)
    stop.onSet { alarm.ring() }
    while !stop.isSet {
      var wait = 30.0
      do {
        let outcome = try await enrichment.round()
        if let outage = outcome.outage {
          outages.failed("dbt_cloud", name, cause: PartnerFailure(outage).cause, detail: outage.description)
          wait = max(outage.retryAfter ?? 0, await enrichment.waitAfterOutage)
        } else {
          if outcome.fetched > 0 || outcome.failed == 0 { outages.succeeded("dbt_cloud", name) }
          if let poll = await enrichment.waitForListing { wait = min(wait, max(0.2, poll)) }
          if let next = try await workshop.ledger.nextDbtCallDue(of: name) {
            wait = min(wait, max(0.2, Double(next - wallClockMicroseconds()) / 1e6))
          }
          if outcome.hasMore { wait = 0 }
        }
        for warning in outcome.warnings { telemetry.emit(DbtCloudWarning(account: name, text: warning)) }
        if outcome.listed > 0 { telemetry.emit(DbtRunsListed(account: name, runs: outcome.listed)) }
        if outcome.fetched > 0 {
          telemetry.emit(DbtRunsFetched(account: name, outcome: outcome))
          workshop.ringSinks()
          if outcome.fetched > outcome.completed + outcome.undecided { workshop.ringAccounts(but: name) }
        } else if let failure = outcome.failure, outcome.outage == nil {
          telemetry.emit(DbtRunFailed(account: name, detail: failure))
        }
        if let refusal = outcome.refusal { telemetry.emit(DbtRunFailed(account: name, detail: refusal)) }
        if outcome.searched > 0 {
          telemetry.emit(DbtRunsSearched(account: name, pages: outcome.searched))
          workshop.ringSinks()
          workshop.ringAccounts(but: name)
        }
      } catch is CancellationError {
        return
      } catch {
        noteLedger(error)
        wait = 5
      }
      await alarm.wait(seconds: wait)
    }
  }

  private func watch(_ folder: ArtifactFolderWatch, _ stop: StopSign) async {
    var failures = 0
    while !stop.isSet {
      do {
        let outcome = try await folder.look()
        failures = 0
        for problem in outcome.problems { telemetry.emit(DbtArtifactsWarning(folder: folder.name, text: problem)) }
        if outcome.runs > 0 {
          telemetry.emit(DbtArtifactsRead(folder: folder.name, runs: outcome.runs))
          workshop.ringSinks()
        }
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        noteLedger(error)
      }
      await stop.wait(seconds: failures == 0 ? ArtifactFolderWatch.interval : 5)
    }
  }

  private func deliver(_ sink: any Sink, _ stop: StopSign) async {
    let alarm = workshop.alarm(ofSink: sink.name)
    stop.onSet { alarm.ring() }
    while true {
      // What somebody has put back by hand is found within this time.
      var wait = 15.0
      do {
        let progress = try await workshop.ledger.progress(ofSink: sink.name)
        let silence = Double(progress.notBefore - wallClockMicroseconds()) / 1e6
        // No sink waits for longer than an hour: a clock that was set back must not silence one for years.
        if silence > 0, silence <= 3600 {
          wait = min(wait, silence)
          if stop.isSet { return }
        } else {
          let round = try await sink.deliver()
          note(round, of: sink)
          if round.wasIdle {
            if stop.isSet { return }
            if let next = try await workshop.ledger.nextRetry(ofSink: progress.id) {
              wait = min(wait, max(0.1, Double(next - wallClockMicroseconds()) / 1e6))
            }
          } else {
            // After an outage the silence is waited for above.
            wait = 0
            if stop.isSet, round.outage != nil { return }
          }
        }
      } catch is CancellationError {
        return
      } catch {
        noteLedger(error)
        wait = 5
      }
      if stop.isOver || Task.isCancelled { return }
      if wait > 0 { await alarm.wait(seconds: wait) }
    }
  }

  // MARK: Telling

  private func note(_ error: any Error, of capture: Capture) async {
    guard !(error is LedgerError) else { return noteLedger(error) }
    let failure = PartnerFailure(error)
    outages.failed("airflow", capture.instance, cause: failure.cause, detail: failure.detail)
    do {
      try await workshop.ledger.noteOutage(of: capture.instance, error: failure.detail)
      outages.succeeded("ledger", workshop.ledger.path)
    } catch { noteLedger(error) }
  }

  private func noteLedger(_ error: any Error) {
    let failure = PartnerFailure(error)
    outages.failed("ledger", workshop.ledger.path, cause: failure.cause, detail: failure.detail)
  }

  private func note(_ round: DeliveryRound, of sink: any Sink) {
    if let outage = round.outage {
      outages.failed("sink", sink.name, cause: outage.cause, detail: outage.detail)
    } else if round.delivered > 0 {
      outages.succeeded("sink", sink.name)
    }
    if round.delivered + round.parked > 0 { telemetry.emit(ItemsDelivered(sink: sink.name, round: round)) }
  }

  /// Tells systemd that the ledger, which everything goes through, still answers, and how things stand.
  private func keepAlive(_ stop: StopSign) async {
    let interval = notifier.watchdogInterval.map { $0.totalSeconds / 2 } ?? 30
    while !stop.isOver, !Task.isCancelled {
      if let status = try? await workshop.ledger.status() {
        notifier.alive()
        if !stop.isSet { notifier.status(StatusLine.text(status, outages: outages.current.count)) }
      }
      await stop.wait(seconds: min(interval, 30))
      if stop.isSet { await Task.yield() }
      if stop.isSet, !stop.isOver { try? await Task.sleep(for: .milliseconds(500)) }
    }
  }
}
