import Ledger

/// The one line that `systemctl status` shows.
enum StatusLine {
  static func text(_ status: LedgerStatus, outages: Int) -> String {
    let runs = status.airflow.reduce(0) { $0 + $1.runs }
    let open = status.airflow.reduce(0) { $0 + $1.openRuns }
    let pending = status.sinks.reduce(0) { $0 + $1.pending }
    let parked = status.sinks.reduce(0) { $0 + $1.parked }
    var parts = ["\(runs) runs (\(open) open)", "\(pending) to deliver"]
    if parked > 0 { parts.append("\(parked) parked") }
    parts.append(outages == 0 ? "all partners answer" : "\(outages) partner\(outages == 1 ? "" : "s") away")
    return parts.joined(separator: ", ")
  }
}
