import JSONText
import Testing

@testable import Telemetry

struct LogFormatterTests {
  private func line(
    _ event: SampleEvent, _ format: LogFormat = .text, _ destination: LogDestination = .stream
  ) -> String {
    let bytes = LogFormatter(format: format, destination: destination).line(event, microseconds: 0)
    #expect(bytes.last == 0x0A && !bytes.dropLast().contains(0x0A))
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }

  private let fields: [TelemetryField] = [
    TelemetryField("instance", "prod"), TelemetryField("dag", "a b=\"c\"\\"), TelemetryField("runs", 3),
    TelemetryField("ratio", .double(0.5)), TelemetryField("late", true), TelemetryField("took", .seconds(1.23456)),
    TelemetryField("none", ""),
  ]

  @Test func textIsOneLineOfPairs() {
    #expect(
      line(SampleEvent(fields: fields))
        == #"time=1970-01-01T00:00:00.000000Z level=info event=poll_finished instance=prod dag="a b=\"c\"\\" runs=3 "#
        + #"ratio=0.5 late=true took=1.235s none="" message="polled""#)
  }

  @Test func jsonIsOneObject() {
    #expect(
      line(SampleEvent(fields: fields), .json)
        == #"{"time":"1970-01-01T00:00:00.000000Z","level":"info","event":"poll_finished","message":"polled","#
        + #""instance":"prod","dag":"a b=\"c\"\\","runs":3,"ratio":0.5,"late":true,"took":1.23456,"none":""}"#)
  }

  @Test func theJournalGetsAPriorityAndNoTime() {
    #expect(
      line(SampleEvent(level: .error), .text, .journal) == #"<3>level=error event=poll_finished message="polled""#)
    #expect(line(SampleEvent(level: .debug), .json, .journal).hasPrefix(#"<7>{"level":"debug","#))
  }

  @Test(arguments: LogFormat.allCases)
  func nothingInAValueCanForgeALineOrMoveTheCursor(_ format: LogFormat) {
    let hostile = "a\nlevel=error\r\u{1B}[2J\u{0}\u{7F}\u{85}\u{2028}\u{2029}\u{202E}\u{FEFF}\u{E0041}z"
    let text = line(
      SampleEvent(
        name: hostile, message: hostile,
        fields: [TelemetryField(hostile, .text(hostile)), TelemetryField("level", "forged")]), format)
    #expect(
      text.unicodeScalars.allSatisfy { scalar in
        ![.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
      })
    if format == .json { #expect(text.contains(#""level_":"forged""#) && text.contains(#"\u202e"#)) }
  }

  @Test(arguments: LogFormat.allCases)
  func longTextIsCut(_ format: LogFormat) {
    let text = line(SampleEvent(fields: [TelemetryField("answer", .text(String(repeating: "é", count: 9000)))]), format)
    #expect(text.contains("… (7000 more characters)") && text.utf8.count < 5000)
  }
}
