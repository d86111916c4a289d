import Engine
import JSONText

/// Who tells how the syncer does.
enum StatusSource {
  /// The running daemon, with what only it knows.
  case daemon(LiveState)
  /// The ledger, because no daemon answers, for this reason.
  case ledger(String)

  /// Partners that the daemon says are away.
  var outages: [LiveState.Outage] {
    if case .daemon(let live) = self { live.outages } else { [] }
  }

  /// The last lines of the screen.
  var lines: [String] {
    switch self {
    case .ledger(let reason): return ["SOURCE     the ledger: \(reason)"]
    case .daemon(let live):
      var lines = [
        "DAEMON     \(live.version), up \(Layout.duration(live.uptime)), process \(live.processID), "
          + live.configurationPath
      ]
      for outage in live.outages {
        lines.append(
          "AWAY       \(outage.kind) \(outage.partner) for \(Layout.duration(outage.seconds)), "
            + "\(outage.failures) tries: \(outage.detail)")
      }
      // What takes its usual time is no news.
      for stage in live.stages {
        guard let seconds = stage.underWay, seconds > 10 else { continue }
        lines.append("BUSY       \(stage.name) of \(stage.partner) for \(Layout.duration(seconds))")
      }
      return lines
    }
  }

  /// The members `source`, `source_reason` and `daemon` of the JSON document.
  func write(to writer: inout JSONWriter) {
    switch self {
    case .ledger(let reason):
      writer.member("source", "ledger")
      writer.member("source_reason", reason)
      writer.key("daemon")
      writer.null()
    case .daemon(let live):
      writer.member("source", "daemon")
      writer.member("source_reason", String?.none)
      writer.key("daemon")
      writer.object { write(live, to: &$0) }
    }
  }

  private func write(_ live: LiveState, to writer: inout JSONWriter) {
    writer.member("version", live.version)
    writer.member("process_id", Int64(live.processID))
    writer.member("started_at", live.startedAt)
    writer.member("uptime_seconds", live.uptime)
    writer.member("config", live.configurationPath)
    writer.key("outages")
    writer.array { writer in
      for outage in live.outages {
        writer.object {
          $0.member("kind", outage.kind)
          $0.member("name", outage.partner)
          $0.member("seconds", outage.seconds)
          $0.member("failures", outage.failures)
          $0.member("error", outage.detail)
        }
      }
    }
    writer.key("stages")
    writer.array { writer in
      for stage in live.stages {
        writer.object {
          $0.member("stage", stage.name)
          $0.member("name", stage.partner)
          $0.member("count", stage.count)
          $0.member("last_seconds", stage.last)
          $0.member("longest_seconds", stage.longest)
          $0.member("under_way_seconds", stage.underWay)
        }
      }
    }
  }
}
