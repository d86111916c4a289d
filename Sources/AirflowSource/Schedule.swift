import JSONText

/// When a DAG runs, as text for people.
enum Schedule {
  /// From `dag.schedule_interval` of 2.x, which is JSON: a cron expression, preset or timetable's name as string, null, or
  /// a timedelta as object. A timedelta becomes what Python prints (`1:00:00`), which is also what 3.x stores. Any other
  /// object stays JSON; text that is no JSON stays as it is.
  static func airflow2(_ text: String?) -> String? {
    guard let text else { return nil }
    guard let value = try? JSONValue(parsing: text) else { return text }
    switch value {
    case .null: return nil
    case .string(let schedule): return schedule
    default: return timedelta(value) ?? value.rawJSON.text
    }
  }

  /// From `dag.timetable_summary` of 3.x, where `None` is the summary of the timetable that never runs.
  static func airflow3(_ summary: String?) -> String? {
    summary == "None" ? nil : summary
  }

  // Python keeps 0 <= seconds < 86400 and 0 <= microseconds < 10^6; only days may be negative.
  private static func timedelta(_ value: JSONValue) -> String? {
    guard value["type"]?.stringValue == "timedelta", let attributes = value["attrs"],
      let days = attributes["days"]?.integerValue ?? (attributes["days"] == nil ? 0 : nil),
      let seconds = attributes["seconds"]?.integerValue, (0..<86_400).contains(seconds),
      let microseconds = attributes["microseconds"]?.integerValue ?? (attributes["microseconds"] == nil ? 0 : nil),
      (0..<1_000_000).contains(microseconds)
    else { return nil }
    let before = days == 0 ? "" : "\(days) day\(days.magnitude == 1 ? "" : "s"), "
    let fraction = microseconds == 0 ? "" : "." + padded(microseconds, 6)
    return "\(before)\(seconds / 3600):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))\(fraction)"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
