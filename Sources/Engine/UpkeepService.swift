import Ledger
import Platform
import Telemetry

/// Deletes what need not be kept any longer, for no more than a twentieth of the time.
struct UpkeepService: Service {
  private let upkeep: Upkeep
  private let around: ServiceSurroundings

  init(_ upkeep: Upkeep, _ surroundings: ServiceSurroundings) {
    self.upkeep = upkeep
    around = surroundings
  }

  /// Nothing is held between two steps.
  func close() async {}

  func run(until stop: StopSign) async {
    while !stop.isSet, !Task.isCancelled {
      let begin = monotonicSeconds()
      var wait = 30.0
      do {
        let outcome = try await upkeep.step()
        if let finished = outcome.finished { around.telemetry.emit(HistoryDeleted(outcome: finished)) }
        for level in outcome.levels { around.telemetry.emit(RoomChanged(level)) }
        if outcome.hasMore { wait = min(5, max(0.05, (monotonicSeconds() - begin) * 19)) }
      } catch is CancellationError {
        return
      } catch { around.noteLedger(error) }
      await stop.wait(seconds: wait)
    }
  }
}
