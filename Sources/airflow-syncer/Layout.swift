import ExecutionModel
import Glibc
import Platform

/// Colours and measures of what is printed for people.
struct Layout: Sendable {
  /// Columns that may be used.
  var columns: Int
  /// Whether colours may be used: on a terminal, unless `NO_COLOR` is set.
  var hasColour: Bool

  static var standard: Layout {
    let columns = StandardOutput.columns
    // A pipe has no edge: nothing is cut for it.
    return Layout(columns: columns > 0 ? max(60, columns) : 10_000, hasColour: columns > 0 && getenv("NO_COLOR") == nil)
  }

  enum Colour: String { case red = "31", green = "32", yellow = "33", blue = "34", grey = "90", bold = "1" }

  func coloured(_ text: String, _ colour: Colour?) -> String {
    guard hasColour, let colour else { return text }
    return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
  }

  /// The colour of a state of Airflow, dbt or the syncer.
  static func colour(ofState state: String?) -> Colour? {
    switch state {
    case "success", "pass", "healthy": .green
    case "failed", "error", "fail", "down", "upstream_failed", "runtime error": .red
    case "up_for_retry", "warn", "degraded", "skipped", "cancelled", "partial success": .yellow
    case "running", "queued", "deferred", "scheduled", "starting": .blue
    default: nil
    }
  }

  /// Rows as columns of equal width. Every column but the last is as wide as its widest cell.
  /// - Parameter right: columns whose cells are set to the right.
  func table(_ header: [String], _ rows: [[String]], right: Set<Int> = []) -> [String] {
    let all = [header] + rows
    var widths = header.indices.map { column in all.map { Self.width($0[column]) }.max() ?? 0 }
    // What does not fit is taken from the widest column, which most often is a name.
    while widths.reduce(0, +) + 2 * (widths.count - 1) > columns,
      let widest = widths.indices.max(by: { widths[$0] < widths[$1] }),
      widths[widest] > 8
    { widths[widest] -= 1 }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let text = Self.fitted(cell, to: widths[column])
        let padding = String(repeating: " ", count: max(0, widths[column] - Self.width(text)))
        line += right.contains(column) ? padding + text : column == row.count - 1 ? text : text + padding
        if column < row.count - 1 { line += "  " }
      }
      return line
    }
  }

  /// Cuts at the right edge; a line with colours is measured without them.
  func cut(_ line: String) -> String {
    guard line.contains("\u{1B}") else { return Self.fitted(line, to: columns) }
    var shown = ""
    var width = 0
    var inEscape = false
    for character in line {
      if character == "\u{1B}" { inEscape = true }
      if inEscape {
        shown.append(character)
        if character == "m" { inEscape = false }
      } else if width < columns {
        shown.append(character)
        width += 1
      }
    }
    return shown
  }

  /// `text` in at most `width` columns, with `…` where it is cut. Control characters show as what they are.
  static func fitted(_ text: String, to width: Int) -> String {
    let plain = printable(text)
    guard Self.width(plain) > width else { return plain }
    return width > 1 ? plain.prefix(width - 1) + "…" : String(plain.prefix(width))
  }

  /// Columns on the screen, taken as one per character.
  static func width(_ text: String) -> Int { text.count }

  /// Names come from databases: a line feed or an escape sequence in one must not reach the terminal.
  static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
      return text
    }
    var shown = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": shown += "\\n"
      case "\t": shown += "\\t"
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
        shown += "\\x" + String(scalar.value, radix: 16)
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// Without the blanks around it.
  static func trimmed(_ text: String) -> String {
    var rest = text[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }

  /// `1h04m`, `17m02s`, `3.1s`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "-" }
    let whole = Int(max(0, seconds).rounded())
    switch seconds {
    case ..<10: return "\(Double(Int(max(0, seconds) * 10)) / 10)s"
    case ..<60: return "\(whole)s"
    case ..<3600: return "\(whole / 60)m\(two(whole % 60))s"
    case ..<172_800: return "\(whole / 3600)h\(two(whole / 60 % 60))m"
    default: return "\(whole / 86_400)d\(two(whole / 3600 % 24))h"
    }
  }

  /// `██████░░░░ 61%`
  static func bar(_ done: Int, of total: Int) -> String {
    let percent = total > 0 ? min(100, max(0, 100 * done / total)) : 0
    return String(repeating: "█", count: percent / 10) + String(repeating: "░", count: 10 - percent / 10)
      + " \(percent)%"
  }

  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// `48,112`
  static func grouped(_ value: Int64) -> String {
    var digits = String(value.magnitude)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }

  /// `1.8 GB`
  static func bytes(_ count: Int64) -> String {
    var value = Double(count)
    for unit in ["B", "kB", "MB", "GB"] {
      if value < 1000 || unit == "GB" { return unit == "B" ? "\(count) B" : "\(Double(Int(value * 10)) / 10) \(unit)" }
      value /= 1000
    }
    return "\(count) B"
  }
}
