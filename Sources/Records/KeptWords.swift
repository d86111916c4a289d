import ExecutionModel
import JSONText

/// What of the words of others is kept at all (`record:` of the configuration): secrets are taken out before anything
/// is written.
public struct KeptWords: Hashable, Sendable {
  public var conf: RecordOptions.Conf
  public var messages: RecordOptions.Messages
  public var redaction: Redaction
  /// Names what is done, to tell whether what was kept earlier was treated in the same way. Grows with the rules.
  public let rules: String

  /// Everything as it came.
  public static let all = KeptWords(conf: .keep, messages: .keep)

  /// - Parameter names: parts of names that hold secrets, besides those that Airflow knows.
  public init(conf: RecordOptions.Conf, messages: RecordOptions.Messages, names: [String] = []) {
    self.conf = conf
    self.messages = messages
    redaction = names.isEmpty ? .standard : Redaction(names: names)
    rules = "1 conf=\(conf.rawValue) messages=\(messages.rawValue) names=\(Set(names).sorted().joined(separator: ","))"
  }

  /// A DAG run's conf as it is kept. Where it is dropped, the OpenLineage runs that it names as parents stay: events
  /// need them.
  public func kept(_ conf: RawJSON?) -> RawJSON? {
    guard let conf else { return nil }
    switch self.conf {
    case .keep: return conf
    case .redact: return redaction.redacted(conf)
    case .drop:
      guard conf.text.contains(Self.parents),
        let value = try? JSONValue(parsing: conf.text, source: "dag_run.conf", maximumDepth: 256),
        let parents = value[Self.parents]
      else { return nil }
      return redaction.redacted(JSONValue.object([.init(Self.parents, parents)]).rawJSON)
    }
  }

  private static let parents = "openlineage"

  /// A message of dbt or dbt Cloud as it is kept.
  public func kept(message: String?) -> String? {
    switch messages {
    case .keep: message
    case .redact: message.map(redaction.redacted)
    case .drop: nil
    }
  }

  /// What an XCom or a rendered field has said, as it is kept: never a secret, whatever else is.
  public func kept(evidence: String) -> String { self == .all ? evidence : redaction.redacted(evidence) }

  /// A dbt run with its messages as they are kept.
  public func kept(_ run: DbtRun) -> DbtRun {
    guard messages != .keep else { return run }
    var run = run
    run.statusMessage = kept(message: run.statusMessage)
    for step in run.steps.indices {
      for result in run.steps[step].results.indices {
        let message = run.steps[step].results[result].message
        run.steps[step].results[result].message = kept(message: message)
      }
      for freshness in run.steps[step].freshness.indices {
        let error = run.steps[step].freshness[freshness].error
        run.steps[step].freshness[freshness].error = kept(message: error)
      }
    }
    return run
  }
}
