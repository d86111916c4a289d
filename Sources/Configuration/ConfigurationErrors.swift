/// One thing that is wrong, or only noteworthy, in a configuration file.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
  /// The file as it was named.
  public var file: String
  /// Counted from 1; nil when the problem is not at one place of the file.
  public var line: Int?
  /// Counted from 1, in characters.
  public var column: Int?
  /// The path of the key, such as `airflow[0].poll_interval`.
  public var key: String?
  /// What was expected and what was found, or what to do. Never a secret.
  public var message: String

  /// `syncer.yaml:12:5: airflow[0].poll_intervall: unknown key; did you mean poll_interval?`
  public var description: String {
    var text = file
    if let line { text += ":\(line)" }
    if line != nil, let column { text += ":\(column)" }
    if let key { text += ": \(key)" }
    return "\(text): \(message)"
  }
}

/// Every error of a configuration file, in the order of the file. Nothing was started; trying again without a change
/// of the file gives the same, so the program must stop (exit status 78).
public struct ConfigurationErrors: Error, Hashable, Sendable, CustomStringConvertible {
  public var problems: [ConfigurationProblem]

  /// One problem a line.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Collects what is wrong while one file is read.
final class Diagnostics {
  let file: String
  private(set) var errors: [ConfigurationProblem] = []
  private(set) var warnings: [ConfigurationProblem] = []
  /// A file of something else entirely must not fill the screen.
  static let maximumErrors = 100
  private var unlistedErrors = 0

  init(file: String) { self.file = file }

  func error(_ mark: Mark?, _ key: String?, _ message: String) {
    guard errors.count < Self.maximumErrors else {
      unlistedErrors += 1
      return
    }
    errors.append(problem(mark, key, message))
  }

  func warning(_ mark: Mark?, _ key: String?, _ message: String) {
    warnings.append(problem(mark, key, message))
  }

  /// In the order of the file; problems without a place come last.
  var sortedErrors: [ConfigurationProblem] {
    let more = unlistedErrors == 0 ? [] : [problem(nil, nil, "\(unlistedErrors) more errors are not shown")]
    return sorted(errors) + more
  }
  var sortedWarnings: [ConfigurationProblem] { sorted(warnings) }

  private func sorted(_ problems: [ConfigurationProblem]) -> [ConfigurationProblem] {
    problems.enumerated().sorted { left, right in
      (left.element.line ?? .max, left.element.column ?? .max, left.offset)
        < (right.element.line ?? .max, right.element.column ?? .max, right.offset)
    }.map(\.element)
  }

  private func problem(_ mark: Mark?, _ key: String?, _ message: String) -> ConfigurationProblem {
    ConfigurationProblem(file: file, line: mark?.line, column: mark?.column, key: key, message: message)
  }
}
