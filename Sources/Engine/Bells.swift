import Ledger
import Synchronization

/// Wakes services when there may be something for them to do.
final class Bells: Sendable {
  private let alarms = Mutex<[PartName: Alarm]>([:])

  /// The alarm that a service waits for.
  func alarm(of part: PartName) -> Alarm {
    alarms.withLock { alarms in
      if let alarm = alarms[part] { return alarm }
      let alarm = Alarm()
      alarms[part] = alarm
      return alarm
    }
  }

  func remove(_ part: PartName) { alarms.withLock { $0[part] = nil } }

  /// New runs may mean new dbt runs and new things to send.
  func ringAfterCapture() { ring { $0.kind != .airflow } }

  /// An account's answer may settle what another has answered.
  func ringAccounts(but name: String) { ring { $0.kind == .dbtCloud && $0.name != name } }

  func ringSinks() { ring { $0.kind == .sink } }

  private func ring(_ isMeant: (PartName) -> Bool) {
    for (part, alarm) in alarms.withLock({ $0 }) where isMeant(part) { alarm.ring() }
  }
}
