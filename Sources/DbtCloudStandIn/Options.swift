/// The command line of `dbt-cloud-stand-in`.
public struct Options: Sendable {
  /// An option that cannot be used.
  public struct Failure: Error, CustomStringConvertible {
    /// Which option it is and what it lacks.
    public var description: String
  }

  /// `--port`
  public var port: UInt16 = 0
  /// `--base-url`
  public var baseURL: String?
  /// `--help`
  public var wantsHelp = false
  var truthFiles: [String] = []
  var artifacts: [(outcome: StandInRun.Outcome, folder: ArtifactFolder)] = []
  var tokens: [Int64: Set<String>] = [:]
  var projects: [Int64: Int64] = [:]
  var progress: StandIn.Progress = .over
  var faults: [Fault] = []

  /// What `--help` prints.
  public static let help = """
    usage: dbt-cloud-stand-in --truth FILE [options]

    Plays the reading part of dbt Cloud's Administrative API on 127.0.0.1.

      --truth FILE             runs to play, a list in JSON; may be given again
      --artifacts OUTCOME=DIR  a folder with manifest.json, run_results.json, … that a dbt step of every run with this
                               outcome (success, error) left; given again, it adds a step
      --token ACCOUNT=TOKEN    a token that may see the account; an account without one is open to every token
      --project ACCOUNT=ID     the project of the account's runs (501)
      --port N                 port to listen on (0: a free one)
      --base-url URL           how `href`s begin (http://127.0.0.1:PORT)
      --progress-polls N       a run is over at the request N + 1 for it (0: at once)
      --progress-seconds S     a run is over S seconds after the first request for it
      --fault KIND[,count=N][,path=REGEX]
                               429[:RETRY-AFTER] or another status, slow:MILLISECONDS, html, truncate, cut
      --help

    Prints `listening on http://127.0.0.1:PORT` and serves until SIGTERM or SIGINT.

    """

  public init(_ arguments: [String]) throws(Failure) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--help" || argument == "-h" {
        wantsHelp = true
        return
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard Self.names.contains(parts[0]) else { throw Failure(description: "\(parts[0]) is no option") }
      guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
        throw Failure(description: "\(parts[0]) needs a value")
      }
      guard try take(parts[0], value) else { throw Failure(description: "\(parts[0]) cannot be `\(value)`") }
    }
    if truthFiles.isEmpty { throw Failure(description: "--truth FILE is missing") }
  }

  private static let names: Set<String> = [
    "--truth", "--artifacts", "--token", "--project", "--port", "--base-url", "--progress-polls", "--progress-seconds",
    "--fault",
  ]

  /// False for a value that the option cannot have.
  private mutating func take(_ name: String, _ value: String) throws(Failure) -> Bool {
    switch name {
    case "--truth": truthFiles.append(value)
    case "--artifacts":
      guard let (left, right) = Self.pair(value), let outcome = StandInRun.Outcome(rawValue: left) else { return false }
      guard let folder = ArtifactFolder(path: right) else {
        throw Failure(description: "--artifacts: \(right) is no folder that can be read")
      }
      artifacts.append((outcome, folder))
    case "--token":
      // The value is a secret: it is not repeated in an error.
      guard let (left, right) = Self.pair(value), let account = Int64(left) else {
        throw Failure(description: "--token must be ACCOUNT=TOKEN")
      }
      tokens[account, default: []].insert(right)
    case "--project":
      guard let (left, right) = Self.pair(value), let account = Int64(left), let id = Int64(right) else { return false }
      projects[account] = id
    case "--port":
      guard let number = UInt16(value) else { return false }
      port = number
    case "--base-url": baseURL = value
    case "--progress-polls":
      guard let count = Int(value), count >= 0 else { return false }
      progress = count == 0 ? .over : .polls(count)
    case "--progress-seconds":
      guard let seconds = Double(value), seconds >= 0, seconds.isFinite else { return false }
      progress = .seconds(seconds)
    default:
      guard let fault = Fault(value) else { return false }
      faults.append(fault)
    }
    return true
  }

  private static func pair(_ text: String) -> (String, String)? {
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let (left, right) = (text[..<equals], text[text.index(after: equals)...])
    return left.isEmpty || right.isEmpty ? nil : (String(left), String(right))
  }

  /// The stand-in that the options describe.
  public func standIn() throws -> StandIn {
    let standIn = StandIn()
    for file in truthFiles {
      for run in try TruthFile.runs(ofFile: file, projects: projects) { standIn.add(run) }
    }
    for (outcome, folder) in artifacts { standIn.addArtifacts(folder, outcome: outcome) }
    for (account, secrets) in tokens { standIn.setTokens(secrets, account: account) }
    for fault in faults { standIn.add(fault) }
    standIn.setProgress(progress)
    return standIn
  }
}
