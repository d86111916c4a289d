import ExecutionModel
import Storage

extension Ledger {
  /// The syncers that share the ledger, the oldest first. A file has one, which its lock tells.
  func members(_ database: any Database) throws -> [LedgerStatus.Member] {
    guard !place.isFile else { return [] }
    var parts: [String: [PartName]] = [:]
    try database.prepare("SELECT holder, kind, name FROM lease WHERE holder IS NOT NULL ORDER BY kind, name").forEachRow
    {
      guard let kind = PartName.Kind(rawValue: $0.text(1)) else { return }
      parts[$0.text(0), default: []].append(PartName(kind, $0.text(2)))
    }
    return try database.prepare(
      """
      SELECT id, host, pid, mode, version, started_at, seen_at, \(LedgerServer.isSeen) FROM daemon ORDER BY started_at, id
      """
    ).rows { row in
      var columns = Columns(row)
      let id = columns.text()
      return LedgerStatus.Member(
        host: columns.text(), pid: columns.integer(), mode: columns.text(), version: columns.text(),
        startedAt: Instant(microseconds: columns.integer()), seenAt: Instant(microseconds: columns.integer()),
        isAlive: columns.bool(), leads: parts[id] ?? [])
    }
  }
}

extension LedgerStatus {
  /// Tells what the configuration names from what is left of what it named before.
  public mutating func compare(airflow: Set<String>, accounts: Set<String>, folders: Set<String>, sinks: Set<String>) {
    for index in self.airflow.indices { self.airflow[index].isConfigured = airflow.contains(self.airflow[index].name) }
    for index in self.accounts.indices {
      self.accounts[index].isConfigured = accounts.contains(self.accounts[index].name)
    }
    for index in self.folders.indices { self.folders[index].isConfigured = folders.contains(self.folders[index].name) }
    for index in self.sinks.indices { self.sinks[index].isConfigured = sinks.contains(self.sinks[index].name) }
  }
}
