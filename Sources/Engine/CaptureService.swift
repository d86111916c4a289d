import Configuration
import Glibc
import Ledger
import Platform
import Sinks
import Telemetry

/// Reads one Airflow instance: polls, its history and sweeps, each at its own pace.
struct CaptureService: Service {
  private let capture: Capture
  private let pollInterval: Double
  private let sweepInterval: Double
  private let around: ServiceSurroundings

  init(_ capture: Capture, _ configuration: AirflowConfiguration, _ surroundings: ServiceSurroundings) {
    self.capture = capture
    pollInterval = configuration.pollInterval.totalSeconds
    sweepInterval = configuration.sweepInterval.totalSeconds
    around = surroundings
  }

  func run(until stop: StopSign) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await poll(stop) }
      group.addTask { await loadHistory(stop) }
      group.addTask { await sweep(stop) }
    }
  }

  func close() async { await capture.close() }

  private func poll(_ stop: StopSign) async {
    let interval = pollInterval
    var failures = 0
    var warned: [String] = []
    while !stop.isSet {
      let begin = monotonicSeconds()
      var wait = interval
      do {
        let outcome = try await around.stages.measure("poll", capture.instance) { try await capture.poll() }
        around.outages.succeeded("airflow", capture.instance)
        // A poll writes to the ledger, at least that it has worked.
        around.outages.succeeded("ledger", around.ledger.path)
        failures = 0
        let warnings = await capture.warnings
        if warnings != warned {
          warned = warnings
          for warning in warnings { around.telemetry.emit(AirflowWarning(instance: capture.instance, text: warning)) }
        }
        if outcome.newRuns + outcome.changedRuns > 0 {
          around.telemetry.emit(RunsCaptured(instance: capture.instance, outcome: outcome))
          around.bells.ringAfterCapture()
        }
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        wait = max(interval, Self.pause(after: error, failures: failures, first: 1))
        await note(error)
      }
      await stop.wait(seconds: max(0, wait - (monotonicSeconds() - begin)))
    }
  }

  private func loadHistory(_ stop: StopSign) async {
    var failures = 0
    while !stop.isSet {
      do {
        guard try await capture.hasHistory() else { break }
        guard try await around.ledger.roomLevel().history == .free else {
          await stop.wait(seconds: 5)
          continue
        }
        let outcome = try await around.stages.measure("history", capture.instance) { try await capture.loadHistory() }
        failures = 0
        if outcome.newRuns + outcome.changedRuns > 0 { around.bells.ringAfterCapture() }
        around.telemetry.emit(HistoryLoaded(instance: capture.instance, outcome: outcome))
      } catch is CancellationError {
        return
      } catch {
        // Live capture tells of the outage; here it is only waited for.
        failures += 1
        await stop.wait(seconds: Self.pause(after: error, failures: failures, first: 2))
      }
    }
    await capture.closeBackground()
  }

  /// Compares finished runs with Airflow's. The first sweep waits for history, which brings the same runs; one that takes
  /// long does not hold up those that follow.
  private func sweep(_ stop: StopSign) async {
    let interval = sweepInterval
    var begin = monotonicSeconds()
    while !stop.isSet, (try? await capture.hasHistory()) ?? true, monotonicSeconds() - begin < interval {
      await stop.wait(seconds: min(interval, 1))
    }
    while !stop.isSet, !Task.isCancelled {
      begin = monotonicSeconds()
      await sweepOnce(stop, interval)
      let wait = begin + interval - monotonicSeconds()
      if wait > 60 { await capture.closeBackground() }
      await stop.wait(seconds: max(0, wait))
    }
  }

  /// One sweep, slice by slice, for no more than a fifth of the time, so that the database hardly notices.
  private func sweepOnce(_ stop: StopSign, _ interval: Double) async {
    var total = Capture.Outcome(isFinished: false)
    var failures = 0
    while !stop.isSet, !total.isFinished {
      do {
        let slice = try await around.stages.measure("sweep", capture.instance) { try await capture.sweep() }
        total += slice
        failures = 0
        if slice.newRuns + slice.changedRuns > 0 { around.bells.ringAfterCapture() }
        if !slice.isFinished { await stop.wait(seconds: min(slice.serverMilliseconds / 1e3 * 4, interval)) }
      } catch is CancellationError {
        return
      } catch {
        failures += 1
        // Live capture tells of an outage; what only a sweep meets is told by `status`.
        try? await around.ledger.note(sweepError: PartnerFailure(error).detail, of: capture.instance)
        await stop.wait(seconds: min(interval, Self.pause(after: error, failures: failures, first: 2)))
      }
    }
    if total.isFinished { around.telemetry.emit(SweepFinished(instance: capture.instance, outcome: total)) }
  }

  /// Seconds until the next try. The ledger is looked for oftener: Airflow, which forgets meanwhile, notices nothing of that.
  static func pause(
    after error: any Error, failures: Int, first: Double, random: Double = Double.random(in: 0..<1)
  ) -> Double {
    Backoff(first: first, longest: error is LedgerError ? 4 : 60).seconds(failures: failures, random: random)
  }

  private func note(_ error: any Error) async {
    guard !(error is LedgerError) else { return around.noteLedger(error) }
    let failure = PartnerFailure(error)
    around.outages.failed("airflow", capture.instance, cause: failure.cause, detail: failure.detail)
    do {
      try await around.ledger.noteOutage(of: capture.instance, error: failure.detail)
      around.outages.succeeded("ledger", around.ledger.path)
    } catch { around.noteLedger(error) }
  }
}
