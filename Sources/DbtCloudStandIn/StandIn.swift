import ExecutionModel
import JSONText
import LoopbackHTTP
import Synchronization

/// Plays the reading part of dbt Cloud's Administrative API for runs that a list names, with artifacts that a real dbt
/// wrote. What it serves may be changed while it serves. It never looks at a clock, except with ``Progress/seconds(_:)``.
public final class StandIn: Sendable {
  /// How a run comes to its end.
  public enum Progress: Hashable, Sendable {
    /// It is over from the first request on.
    case over
    /// Over after so many requests for the run itself: queued, starting, then running until then.
    case polls(Int)
    /// Over so many seconds after the first request for the run itself.
    case seconds(Double)
  }

  private struct State {
    var runs: [StandInRun.Key: StandInRun] = [:]
    var artifacts: [StandInRun.Outcome: [ArtifactFolder]] = [:]
    var artifactsOfRun: [StandInRun.Key: [ArtifactFolder]] = [:]
    var tokens: [Int64: Set<String>] = [:]
    var faults: [Fault] = []
    var progress: Progress = .over
    var polls: [StandInRun.Key: Int] = [:]
    var firstPolls: [StandInRun.Key: Double] = [:]
    var requests: [StandInRequest] = []
    var baseURL = "http://127.0.0.1"
  }

  private let state = Mutex(State())
  private let now: @Sendable () -> Double

  /// - Parameter now: seconds on any clock that only goes forward; asked with ``Progress/seconds(_:)`` only.
  public init(runs: [StandInRun] = [], now: @escaping @Sendable () -> Double = monotonicClock) {
    self.now = now
    for run in runs { add(run) }
  }

  // MARK: What it plays

  /// Adds a run, or replaces the one of the same account and id.
  public func add(_ run: StandInRun) { state.withLock { $0.runs[run.key] = run } }

  /// Deletes a run.
  public func remove(account: Int64, run: Int64) {
    state.withLock { $0.runs[StandInRun.Key(accountID: account, runID: run)] = nil }
  }

  /// Adds a dbt step, with these artifacts, to every run of that outcome; steps come in the order of the calls.
  public func addArtifacts(_ folder: ArtifactFolder, outcome: StandInRun.Outcome) {
    state.withLock { $0.artifacts[outcome, default: []].append(folder) }
  }

  /// The dbt steps of one run, instead of those of its outcome.
  public func setArtifacts(_ folders: [ArtifactFolder], account: Int64, run: Int64) {
    state.withLock { $0.artifactsOfRun[StandInRun.Key(accountID: account, runID: run)] = folders }
  }

  /// The tokens that may see an account. An account without any is open to every token.
  public func setTokens(_ tokens: Set<String>, account: Int64) { state.withLock { $0.tokens[account] = tokens } }

  /// How runs come to their end from now on; requests that were counted stay counted.
  public func setProgress(_ progress: Progress) { state.withLock { $0.progress = progress } }

  /// Faults befall requests in the order in which they were added, one at a time.
  public func add(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

  /// Everything goes right from now on.
  public func removeFaults() { state.withLock { $0.faults = [] } }

  /// The beginning of `href` in answers.
  public func setBaseURL(_ url: String) { state.withLock { $0.baseURL = url } }

  /// Every request so far, oldest first.
  public var requests: [StandInRequest] { state.withLock { $0.requests } }

  /// Empties ``requests``.
  public func forgetRequests() { state.withLock { $0.requests = [] } }

  // MARK: Serving

  /// Serves on 127.0.0.1 until the server is stopped; `href`s bear its address.
  /// - Parameters:
  ///   - port: 0 for a free one.
  ///   - answer: answers instead of ``answer(_:)``, which it may call.
  public func serve(
    port: UInt16 = 0, tls: LoopbackServer.TLS? = nil,
    answering answer: (@Sendable (StandInRequest) -> StandInAnswer)? = nil
  ) throws -> LoopbackServer {
    let server = try LoopbackServer(port: port, tls: tls) { [self] request in
      let asked = StandInRequest(
        method: request.method, path: request.path, query: request.query.map { ($0.name, $0.value) },
        authorization: request.header("Authorization"), range: request.header("Range"),
        ifRange: request.header("If-Range"))
      return LoopbackResponse(answer?(asked) ?? self.answer(asked))
    }
    setBaseURL("\(tls == nil ? "http" : "https")://127.0.0.1:\(server.port)")
    return server
  }

  /// Answers one request.
  public func answer(_ request: StandInRequest) -> StandInAnswer {
    let fault: Fault? = state.withLock { state in
      state.requests.append(request)
      guard let index = state.faults.firstIndex(where: { $0.befalls(path: request.path) }) else { return nil }
      let fault = state.faults[index]
      if let count = fault.count {
        if count > 1 { state.faults[index].count = count - 1 } else { state.faults.remove(at: index) }
      }
      return fault
    }
    switch fault?.kind {
    case .status(let status, let retryAfter):
      var answer = StandInAnswer.failure(status, status == 429 ? "Too many requests" : "Something went wrong")
      if let retryAfter { answer.headers.append(("Retry-After", retryAfter)) }
      return answer
    case .html:
      let page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Proxy</body></html>\n"
      return StandInAnswer(status: 200, headers: [("Content-Type", "text/html")], body: .bytes(Array(page.utf8)))
    case .slow(let milliseconds):
      var answer = rightAnswer(request)
      answer.delayMilliseconds = milliseconds
      return answer
    case .truncate:
      var answer = rightAnswer(request)
      answer.isTruncated = true
      return answer
    case .cut: return rightAnswer(request).cut()
    case nil: return rightAnswer(request)
    }
  }

  private func rightAnswer(_ request: StandInRequest) -> StandInAnswer {
    state.withLock { state in
      let known = state.tokens.values.reduce(into: Set()) { $0.formUnion($1) }
      let asked = Route.read(request.path)
      guard let token = request.token, !token.isEmpty,
        known.contains(token) || asked.map({ state.tokens[$0.account] == nil }) ?? known.isEmpty
      else { return .failure(401, "Unauthorized") }
      guard let (account, route) = asked else { return .notFound }
      // Another account's token: what it must not see is not there.
      if let tokens = state.tokens[account], !tokens.contains(token) { return .notFound }
      guard request.method == "GET" else { return .failure(405, "Method \"\(request.method)\" not allowed.") }
      return answer(route, account, request, &state)
    }
  }

  private func answer(
    _ route: Route, _ account: Int64, _ request: StandInRequest, _ state: inout State
  ) -> StandInAnswer {
    func run(_ id: Int64) -> StandInRun? { state.runs[StandInRun.Key(accountID: account, runID: id)] }
    switch route {
    case .runs: return list(account, request, state)
    case .run(let id):
      guard let run = run(id) else { return .notFound }
      if state.polls[run.key] == nil { state.firstPolls[run.key] = now() }
      state.polls[run.key, default: 0] += 1
      let related = request.query.filter { $0.0 == "include_related" }
        .reduce(into: Set<RunDocument.Related>()) { $0.formUnion(RunDocument.Related.read($1.1)) }
      let document = RunDocument(
        run: run, timeline: timeline(run, state), related: related, baseURL: state.baseURL)
      return .json(APIText.envelope(data: document.write))
    case .artifacts(let id):
      guard let run = run(id) else { return .notFound }
      let names = timeline(run, state).steps.last?.folder?.names ?? []
      return .json(APIText.envelope { writer in writer.array { for name in names { $0.string(name) } } })
    case .artifact(let id, let path):
      guard let run = run(id) else { return .notFound }
      return artifact(path, steps: timeline(run, state).steps, request)
    case .job(let id):
      guard let run = newest(account, state, { $0.jobID == id }) else { return .notFound }
      let document = JobDocument(run: run, steps: timeline(run, state).steps)
      return .json(APIText.envelope(data: document.write))
    case .project(let id):
      guard let run = newest(account, state, { $0.projectID == id }) else { return .notFound }
      return .json(APIText.envelope(data: ProjectDocument(run: run).write))
    case .environment(let id):
      guard let run = newest(account, state, { $0.environmentID == id }) else { return .notFound }
      return .json(APIText.envelope(data: EnvironmentDocument(run: run).write))
    }
  }

  private func artifact(
    _ path: String, steps: [RunTimeline.Step], _ request: StandInRequest
  ) -> StandInAnswer {
    let index: Int
    if let step = request.parameter("step") {
      guard let number = Int(step) else { return .failure(400, "step: a whole number") }
      index = number
    } else {
      index = steps.last?.index ?? 0
    }
    guard let file = steps.first(where: { $0.index == index })?.folder?.file(path) else { return .notFound }
    return .file(file, request)
  }

  private func list(_ account: Int64, _ request: StandInRequest, _ state: State) -> StandInAnswer {
    let query: RunQuery
    do {
      query = try RunQuery(request.query)
    } catch {
      return .failure(400, error.message)
    }
    let found = state.runs.values.filter { $0.accountID == account }.map { ($0, timeline($0, state)) }
      .filter { query.matches($0.0, status: $0.1.status) }.sorted(by: query.isBefore)
    let page = found.dropFirst(query.offset).prefix(query.limit)
    // A list never has steps or environments.
    let related = query.related.intersection([.trigger, .job])
    return .json(
      APIText.envelope(
        data: { writer in
          writer.array { writer in
            for (run, timeline) in page {
              RunDocument(run: run, timeline: timeline, related: related, baseURL: state.baseURL).write(&writer)
            }
          }
        },
        extra: { writer in
          writer.object { writer in
            writer.key("filters")
            writer.object { writer in
              writer.member("limit", query.limit)
              writer.member("offset", query.offset)
              writer.member("account_id", account)
              if let job = query.jobID { writer.member("job_definition_id", job) }
            }
            writer.member("order_by", query.order)
            writer.key("pagination")
            writer.object { writer in
              writer.member("count", page.count)
              writer.member("total_count", found.count)
            }
          }
        }))
  }

  private func newest(_ account: Int64, _ state: State, _ isWanted: (StandInRun) -> Bool) -> StandInRun? {
    state.runs.values.filter { $0.accountID == account && isWanted($0) }.max { $0.runID < $1.runID }
  }

  private func timeline(_ run: StandInRun, _ state: State) -> RunTimeline {
    let folders = state.artifactsOfRun[run.key] ?? state.artifacts[run.finalOutcome] ?? []
    return RunTimeline(run, folders: folders, phase: phase(run, state))
  }

  private func phase(_ run: StandInRun, _ state: State) -> RunTimeline.Phase {
    let done: Double
    switch state.progress {
    case .over: return .over
    case .polls(let count): done = Double(max(0, (state.polls[run.key] ?? 0) - 1)) / Double(max(1, count))
    case .seconds(let seconds):
      done = state.firstPolls[run.key].map { (now() - $0) / max(seconds, .leastNonzeroMagnitude) } ?? 0
    }
    return done >= 1 ? .over : done >= 2.0 / 3 ? .running : done >= 1.0 / 3 ? .starting : .queued
  }
}
