import ExecutionModel
import JSONText

/// Texts in the form that the API writes.
enum APIText {
  /// `2021-11-26 16:48:41.431645+00:00`
  static func time(_ instant: Instant) -> String {
    let text = instant.rfc3339
    return text.prefix(10) + " " + text.dropFirst(11).dropLast() + "+00:00"
  }

  /// `HH:MM:SS`
  static func duration(from start: Instant?, to end: Instant?) -> String {
    guard let start, let end else { return "00:00:00" }
    let seconds = max(0, (end.microseconds - start.microseconds) / 1_000_000)
    return [seconds / 3600, seconds / 60 % 60, seconds % 60]
      .map { $0 < 10 ? "0\($0)" : String($0) }.joined(separator: ":")
  }

  static func status(_ code: Int64) -> String {
    let name = DbtRun.statusName(code: Int(code))
    return name.prefix(1).uppercased() + name.dropFirst()
  }

  /// `{"status": …, "data": …}` with what `data` and `extra` write.
  static func envelope(
    code: Int = 200, message: String = "Success!", data: (inout JSONWriter) -> Void,
    extra: ((inout JSONWriter) -> Void)? = nil
  ) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("status")
      writer.object { writer in
        writer.member("code", code)
        writer.member("is_success", code < 400)
        writer.member("user_message", message)
        writer.member("developer_message", "")
      }
      writer.key("data")
      data(&writer)
      if let extra {
        writer.key("extra")
        extra(&writer)
      }
    }
    return writer.bytes
  }

  static func failure(_ code: Int, _ message: String) -> [UInt8] {
    envelope(code: code, message: message) { $0.null() }
  }
}

extension JSONWriter {
  mutating func apiTime(_ name: StaticString, _ instant: Instant?) { member(name, instant.map(APIText.time)) }
}
