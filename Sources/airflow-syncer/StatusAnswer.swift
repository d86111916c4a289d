import Engine
import ExecutionModel
import Glibc
import JSONText
import Platform

/// What `status` prints and ends with. The daemon makes it for whoever asks over its socket, so that it also reads well
/// for a program of another release; without a daemon the command makes it.
///
/// On the socket a question is a line, `status` or `screen COLUMNS COLOUR`. The answer to the first is what
/// `status --json` prints, to the second `{"state": …, "text": …}`.
struct StatusAnswer {
  enum Question {
    case json
    case screen(Layout)

    var text: String {
      switch self {
      case .json: "status"
      case .screen(let layout): "screen \(layout.columns) \(layout.hasColour ? 1 : 0)"
      }
    }

    /// nil for anything else.
    init?(_ text: String) {
      let words = text.split(separator: " ")
      switch words.first {
      case "status" where words.count == 1: self = .json
      case "screen" where words.count == 3:
        guard let columns = Int(words[1]), (1...100_000).contains(columns) else { return nil }
        self = .screen(Layout(columns: columns, hasColour: words[2] == "1"))
      default: return nil
      }
    }
  }

  var state: Health.State
  var text: String

  /// Judged and laid out.
  init(to question: Question, _ outcome: StatusReading.Outcome, _ source: StatusSource) {
    let now = Instant(microseconds: wallClockMicroseconds())
    switch (outcome, question) {
    case (.read(let reading), let question):
      let health = Health(reading.status, now: now, pollIntervals: reading.pollIntervals, outages: source.outages)
      state = health.state
      switch question {
      case .json: text = StatusJSON.text(reading, health, source, now: now) + "\n"
      case .screen(let layout): text = StatusScreen(layout: layout).text(reading, health, source, now: now)
      }
    // Without a ledger there is nothing to tell but that.
    case (.failed(let reason), .json):
      state = .down
      text = StatusJSON.unreadable(reason, source) + "\n"
    case (.failed(let reason), .screen):
      state = .down
      text = (["DOWN: \(reason)"] + source.lines).map { Layout.printable($0) + "\n" }.joined()
    }
  }

  /// What a daemon has answered.
  /// - Throws: `JSONError` when it is none of its answers, or not whole.
  init(parsing answer: [UInt8]) throws {
    let text = String(decoding: answer, as: UTF8.self)
    let value = try JSONValue(parsing: text, source: "the daemon's answer", maximumDepth: 64)
    guard let state = value["state"]?.stringValue.flatMap(Health.State.init(rawValue:)) else {
      throw Misunderstood(text: value["error"]?.stringValue)
    }
    self.state = state
    self.text = value["text"]?.stringValue ?? text
  }

  struct Misunderstood: Error, CustomStringConvertible {
    var text: String?
    var description: String { text ?? "its answer is of another kind" }
  }

  /// For the daemon: the answer to a line.
  static func write(_ question: String, _ outcome: StatusReading.Outcome, _ live: LiveState) -> [UInt8] {
    guard let question = Question(question) else {
      var writer = JSONWriter()
      writer.object { $0.member("error", "expected the line `status`, or `screen COLUMNS COLOUR`") }
      return Array((writer.text + "\n").utf8)
    }
    let answer = StatusAnswer(to: question, outcome, .daemon(live))
    if case .json = question { return Array(answer.text.utf8) }
    var writer = JSONWriter()
    writer.object {
      $0.member("state", answer.state.rawValue)
      $0.member("text", answer.text)
    }
    return Array((writer.text + "\n").utf8)
  }

  /// Why the daemon is not the source.
  static func reason(_ error: any Error, socket: String) -> String {
    switch (error as? LocalSocketError)?.kind {
    case .nobody: "no daemon listens at \(socket)"
    case .forbidden: "this user may not ask the daemon at \(socket); members of the group airflow-syncer may"
    case .silent: "the daemon at \(socket) does not answer in time"
    default: "the daemon at \(socket) cannot be asked: \(error)"
    }
  }
}
