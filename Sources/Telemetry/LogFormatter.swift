import ExecutionModel
import JSONText

/// How a log line is written.
public enum LogFormat: String, Sendable, CaseIterable {
  /// `level=info event=… key=value message="…"`
  case text
  /// One JSON object a line.
  case json
}

/// An event to one line. Pure: the same event, time and format give the same bytes.
struct LogFormatter: Sendable {
  let format: LogFormat
  let destination: LogDestination

  /// Longer text is cut: a server's answer must not flood the journal.
  static let maximumScalars = 2000

  /// One line with its line break.
  func line(_ event: some TelemetryEvent, microseconds: Int64) -> [UInt8] {
    var line: [UInt8] = []
    // sd-daemon(3): the journal takes the priority from a prefix, and stamps the time itself.
    if destination == .journal { line.append(contentsOf: "<\(event.level.priority)>".utf8) }
    let time = destination == .journal ? nil : Instant(microseconds: microseconds)
    line.append(contentsOf: format == .json ? json(event, time) : Array(text(event, time).utf8))
    line.append(0x0A)
    return line
  }

  private func text(_ event: some TelemetryEvent, _ time: Instant?) -> String {
    var line = time.map { "time=\($0.rfc3339) " } ?? ""
    line += "level=\(event.level.rawValue) event=\(Self.word(event.name))"
    for field in event.fields { line += " \(Self.word(field.name))=\(Self.value(field.value))" }
    return line + " message=\(Self.quoted(event.message))"
  }

  private func json(_ event: some TelemetryEvent, _ time: Instant?) -> [UInt8] {
    var writer = JSONWriter(reservingCapacity: 256)
    writer.object { writer in
      if let time { writer.member("time", time) }
      writer.member("level", event.level.rawValue)
      writer.member("event", event.name)
      writer.member("message", Self.cut(event.message))
      for field in event.fields {
        // A field must not stand in for what every line has.
        let isReserved = ["time", "level", "event", "message"].contains(field.name)
        writer.key(isReserved ? "\(field.name)_" : field.name)
        switch field.value {
        case .text(let text): writer.string(Self.cut(text))
        case .integer(let number): writer.integer(number)
        case .double(let number), .seconds(let number): writer.double(number)
        case .bool(let bool): writer.bool(bool)
        }
      }
    }
    // JSON allows DEL, C1 controls and bidirectional marks as they are; a terminal may act on them.
    return Self.escapingUnprintable(writer.text)
  }

  private static func value(_ value: TelemetryValue) -> String {
    switch value {
    case .text(let text): word(text)
    case .integer(let number): String(number)
    case .double(let number): number.description
    case .seconds(let number): "\((number * 1000).rounded() / 1000)s"
    case .bool(let bool): String(bool)
    }
  }

  /// Text as it stands when it is one plain word, quoted otherwise.
  private static func word(_ text: String) -> String {
    let isPlain =
      !text.isEmpty
      && text.unicodeScalars.allSatisfy { scalar in
        scalar != "\"" && scalar != "=" && scalar != "\\" && scalar != " " && !isUnprintable(scalar)
      }
    return isPlain ? cut(text) : quoted(text)
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in cut(text).unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      default:
        if isUnprintable(scalar) {
          quoted += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
          quoted.unicodeScalars.append(scalar)
        }
      }
    }
    return quoted + "\""
  }

  private static func cut(_ text: String) -> String {
    guard text.utf8.count > maximumScalars, text.unicodeScalars.count > maximumScalars else { return text }
    let kept = text.unicodeScalars.prefix(maximumScalars)
    return "\(String(kept))… (\(text.unicodeScalars.count - maximumScalars) more characters)"
  }

  private static func escapingUnprintable(_ json: String) -> [UInt8] {
    guard json.unicodeScalars.contains(where: isUnprintable) else { return Array(json.utf8) }
    var escaped = ""
    for scalar in json.unicodeScalars {
      guard isUnprintable(scalar) else {
        escaped.unicodeScalars.append(scalar)
        continue
      }
      for unit in String(scalar).utf16 {
        let digits = String(unit, radix: 16)
        escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return Array(escaped.utf8)
  }

  /// Control characters, line separators, and marks that change the direction or the joining of text.
  private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
