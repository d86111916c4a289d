import Synchronization
import Testing

@testable import Telemetry

struct OutageLogTests {
  private final class Clock: Sendable {
    private let seconds = Mutex(100.0)
    var now: Double { seconds.withLock { $0 } }
    func advance(_ by: Double) { seconds.withLock { $0 += by } }
  }

  private let clock = Clock()
  private let log = LogMemory()
  private let telemetry: Telemetry
  private let outages: OutageLog

  init() {
    telemetry = Telemetry(sink: log)
    outages = OutageLog(telemetry, now: { [clock] in clock.now })
  }

  @Test func anOutageIsLoggedWhenItBeginsAndWhenItEnds() {
    for attempt in 0..<50 {
      outages.failed("airflow", "prod", cause: "refused", detail: "connection refused (try \(attempt))")
      clock.advance(2)
    }
    outages.succeeded("airflow", "prod")
    outages.succeeded("airflow", "prod")
    #expect(
      log.lines == [
        #"<4>level=warning event=airflow_lost name=prod cause=refused message="connection refused (try 0)""#,
        #"<5>level=notice event=airflow_back name=prod away=100.0s failures=50 message="answers again""#,
      ])
  }

  @Test func anotherCauseIsLoggedOnceToo() {
    for cause in ["refused", "authentication", "refused", "authentication"] {
      outages.failed("dbt_cloud", "shop", cause: cause, detail: "it says \(cause)")
    }
    #expect(log.lines.count == 2)
    #expect(log.lines[1].contains("event=dbt_cloud_lost_otherwise") && log.lines[1].contains("cause=authentication"))
  }

  @Test func partnersAreToldApart() {
    outages.failed("sink", "a", cause: "x", detail: "x")
    clock.advance(1)
    outages.failed("airflow", "a", cause: "x", detail: "x")
    outages.failed("sink", "b", cause: "x", detail: "y")
    #expect(outages.current.map { "\($0.kind) \($0.partner)" } == ["sink a", "airflow a", "sink b"])
    outages.succeeded("sink", "a")
    #expect(outages.current.map(\.kind) == ["airflow", "sink"])
    #expect(outages.current[1].detail == "y" && outages.current[1].failures == 1 && outages.current[1].began == 101)
  }

  @Test func aSecondOutageIsANewOne() {
    for _ in 0..<2 {
      outages.failed("sink", "a", cause: "x", detail: "x")
      outages.succeeded("sink", "a")
    }
    #expect(log.lines.count == 4)
  }

  @Test func everyFailureIsCounted() throws {
    for _ in 0..<3 { outages.failed("sink", "a", cause: "x", detail: "x") }
    let values = Dictionary(uniqueKeysWithValues: telemetry.metrics().map { ($0.key.name, $0.value) })
    #expect(values == ["airflow_syncer_partner_failures_total": 3, "airflow_syncer_partner_up": 0])
    outages.succeeded("sink", "a")
    #expect(telemetry.metrics().last?.value == 1)
  }
}
