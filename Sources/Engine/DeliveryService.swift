import Ledger
import Platform
import Sinks
import Telemetry

/// Delivers to one sink. After the sign it goes on with what is due until the time to finish is over.
struct DeliveryService: Service {
  private let sink: any Sink
  private let around: ServiceSurroundings
  private let clock: @Sendable () -> Int64
  private let wait: @Sendable (Alarm, Double) async -> Void

  /// - Parameters:
  ///   - clock: microseconds since 1970.
  ///   - wait: waits for a ring, for so many seconds at most.
  init(
    _ sink: any Sink, _ surroundings: ServiceSurroundings,
    clock: @escaping @Sendable () -> Int64 = wallClockMicroseconds,
    waiting wait: @escaping @Sendable (Alarm, Double) async -> Void = { await $0.wait(seconds: $1) }
  ) {
    self.sink = sink
    around = surroundings
    self.clock = clock
    self.wait = wait
  }

  func close() async { await sink.close() }

  func run(until stop: StopSign) async {
    let alarm = around.bells.alarm(of: PartName(.sink, sink.name))
    stop.onSet { alarm.ring() }
    while true {
      // What somebody has put back by hand is found within this time.
      var wait = min(15, around.longestWait)
      do {
        let progress = try await around.ledger.progress(ofSink: sink.name)
        let silence = Double(progress.notBefore - clock()) / 1e6
        // No sink waits for longer than an hour: a clock that was set back must not silence one for years.
        if silence > 0, silence <= 3600 {
          wait = min(wait, silence)
          if stop.isSet { return }
        } else {
          let round = try await around.stages.measure("deliver", sink.name) { try await sink.deliver() }
          note(round)
          if round.wasIdle {
            if stop.isSet { return }
            if let next = try await around.ledger.nextRetry(ofSink: progress.id) {
              wait = min(wait, max(0.1, Double(next - clock()) / 1e6))
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
        around.noteLedger(error)
        wait = 5
      }
      if stop.isOver || Task.isCancelled { return }
      if wait > 0 { await self.wait(alarm, wait) }
    }
  }

  private func note(_ round: DeliveryRound) {
    if let outage = round.outage {
      around.outages.failed("sink", sink.name, cause: outage.cause, detail: outage.detail)
    } else if round.delivered > 0 {
      around.outages.succeeded("sink", sink.name)
    }
    if round.delivered + round.parked > 0 { around.telemetry.emit(ItemsDelivered(sink: sink.name, round: round)) }
  }
}
