import ExecutionModel
import HTTPClient
import JSONText

/// Reads runs and artifacts of one account through dbt Cloud's Administrative API.
///
/// Calls are spaced by a bucket of tokens. After a 429 no call is made until the time that dbt Cloud demands is over, 300 s
/// when it demands none; calls fail at once with ``DbtCloudError/Kind/rateLimited(retryAfter:)`` meanwhile.
public actor DbtCloudClient {
  /// Whose runs it reads.
  public nonisolated let account: DbtCloudAccount
  private let send: @Sendable (HTTPRequest) async throws -> HTTPResponse
  private let clock: DbtCloudClock
  private let limits: Limits
  private var budget: CallBudget
  private var token: String?
  /// The token that was read last, hidden in errors after it was refused too.
  private var hiddenToken = ""
  private var projects: [Int64: KnownProject] = [:]
  /// What has come of artifacts whose download was cut, by endpoint.
  private var partialFiles: [String: HTTPPartialFile] = [:]

  /// How long and how large an answer may be.
  public struct Limits: Sendable {
    /// Seconds for a call that is no artifact.
    public var callTimeout: Double = 60
    /// Seconds for an artifact.
    public var artifactTimeout: Double = 600
    /// Bytes of a decoded answer that is no artifact: a run with the logs of all its steps.
    public var answerBytes = 64 << 20
    /// Bytes of a decoded artifact. Manifests of 20,000 models have 420 MB.
    public var artifactBytes = 1 << 30

    public init() {}
  }

  private struct KnownProject {
    var project: DbtProject
    var askAgainAt: Instant
  }

  /// - Parameter send: makes the HTTP request, e.g. `HTTPPool.send`.
  public init(
    account: DbtCloudAccount, limits: Limits = Limits(), clock: DbtCloudClock = .system,
    send: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse
  ) {
    self.account = account
    self.limits = limits
    self.clock = clock
    self.send = send
    budget = CallBudget(requestsPerSecond: account.requestsPerSecond, burst: account.burst)
  }

  // MARK: For the status screen

  /// The end of the silence after a 429; nil when calls may be made.
  public var coolingDownUntil: Instant? {
    budget.coolingDownUntil.flatMap { $0 > clock.now() ? $0 : nil }
  }
  /// When the last call was made.
  public var lastCallAt: Instant? { budget.lastCallAt }
  /// Calls made in the last 60 seconds.
  public var callsInLastMinute: Int { budget.calls(inLastMinuteBefore: clock.now()) }

  // MARK: Runs

  /// One run with its trigger, job, environment and steps: `GET /api/v2/accounts/{account}/runs/{id}/`. The steps have no
  /// results yet, and ``DbtRun/isComplete`` is for the caller to set once he has them.
  ///
  /// - Throws: ``DbtCloudError``, or `CancellationError`.
  public func run(_ id: Int64) async throws -> DbtRun {
    var run = try await head(of: id).run
    if let project = run.projectID { run.projectName = try await self.project(project).name }
    return run
  }

  /// What the API says of a run in one answer, to be compared with a later one: see ``run(_:)``. Without the name of its
  /// project, which is another call.
  public func head(of id: Int64) async throws -> DbtRunHead {
    let endpoint = Endpoint.run(account: account.accountID, run: id)
    let answer = try await call(endpoint)
    let account = account
    let read = try envelope(of: answer, endpoint) { cursor in try RunAnswer(&cursor, account: account) }
    guard let found = read.data, found.id == id, let run = found.run(of: account) else {
      throw error(
        .unexpected(status: answer.status), endpoint,
        "the answer lacks the run's id or status" + (read.data?.id.map { ", or is run \($0)" } ?? ""))
    }
    return DbtRunHead(run: run, updatedAt: found.updatedAt, hasDocs: found.hasDocs ?? false)
  }

  /// One page of the runs of the account, by growing id: `GET /api/v2/accounts/{account}/runs/` with `id__gt`, because
  /// pages by offset shift while runs are added. For pages from the newest run on see ``newestRuns(_:offset:limit:)``.
  ///
  /// - Parameters:
  ///   - after: only runs with a larger id.
  ///   - limit: runs per page, at most 100.
  public func runs(_ filter: DbtRunFilter = DbtRunFilter(), after: Int64? = nil, limit: Int = 100) async throws
    -> DbtRunPage
  {
    let limit = min(max(limit, 1), 100)
    let endpoint = Endpoint.runs(
      account: account.accountID, filter: filter, page: .after(after), limit: limit)
    let (runs, status) = try await list(endpoint)
    let last = runs.compactMap(\.runID).max()
    if let last, let after, last <= after {
      throw error(.unexpected(status: status), endpoint, "`id__gt` was not obeyed")
    }
    if let from = filter.createdFrom, let to = filter.createdTo,
      runs.contains(where: { run in
        run.createdAt.map { $0 < from.advanced(bySeconds: -1) || $0 > to.advanced(bySeconds: 1) } ?? false
      })
    {
      // Going on would read all runs that the account ever had.
      throw error(.unexpected(status: status), endpoint, "`created_at__range` was not obeyed")
    }
    return DbtRunPage(runs: runs, next: runs.count < limit ? nil : last)
  }

  /// Runs of the account from the newest on, by falling id. The offset shifts by each run that is added meanwhile: the
  /// caller lets pages overlap.
  public func newestRuns(_ filter: DbtRunFilter = DbtRunFilter(), offset: Int = 0, limit: Int = 100) async throws
    -> [DbtRun]
  {
    let endpoint = Endpoint.runs(
      account: account.accountID, filter: filter, page: .newest(offset: max(0, offset)), limit: min(max(limit, 1), 100))
    let (runs, status) = try await list(endpoint)
    let ids = runs.compactMap(\.runID)
    if zip(ids, ids.dropFirst()).contains(where: { $0 <= $1 }) {
      throw error(.unexpected(status: status), endpoint, "`order_by` was not obeyed")
    }
    return runs
  }

  private func list(_ endpoint: Endpoint) async throws -> (runs: [DbtRun], status: Int) {
    let answer = try await call(endpoint)
    let account = account
    let read = try envelope(of: answer, endpoint) { cursor in
      var runs: [DbtRun] = []
      try cursor.array { element in
        guard element.kind == .object else { return }
        if let run = try RunAnswer(&element, account: account).run(of: account) { runs.append(run) }
      }
      return runs
    }
    guard let runs = read.data else { throw error(.unexpected(status: answer.status), endpoint, "there is no list") }
    return (runs, answer.status)
  }

  // MARK: Projects

  /// What v3 of the API says of a project, asked for once a day. Where the token must not see it, it has no name and no
  /// connection and ``DbtProject/problem`` says why; it is asked for again after an hour then.
  /// - Parameter mayGiveUp: whether a project of which nothing is known will do without its name, when the same call may
  ///   succeed later: datasets are named by its connection, and what was sent with other names is never taken back.
  /// - Throws: ``DbtCloudError`` that is retryable, unless `mayGiveUp`; `CancellationError`
  public func project(_ id: Int64, mayGiveUp: Bool = true) async throws -> DbtProject {
    if let known = projects[id], known.askAgainAt > clock.now() { return known.project }
    let endpoint = Endpoint.project(account: account.accountID, project: id)
    var project: DbtProject
    do {
      let answer = try await call(endpoint)
      let read = try envelope(of: answer, endpoint) { cursor in try DbtProject(reading: &cursor) }
      project = read.data ?? DbtProject(problem: "\(account.url)\(endpoint.path) has no `data`")
    } catch let error as DbtCloudError {
      if error.isRetryable, !mayGiveUp, projects[id]?.project.name == nil { throw error }
      project = projects[id]?.project ?? DbtProject()
      project.problem = error.description
    }
    let seconds: Int64 = project.problem == nil ? 86_400 : 3600
    projects[id] = KnownProject(project: project, askAgainAt: clock.now().advanced(bySeconds: seconds))
    return project
  }

  // MARK: Artifacts

  /// Fetches one artifact of one step into a file: `GET …/runs/{run}/artifacts/{name}?step={step}`. A download that was
  /// cut goes on where it stopped, now or at the next call, if the server tells versions apart by a strong `ETag`; else
  /// it starts anew. Two versions are never mixed.
  ///
  /// - Parameters:
  ///   - step: ``DbtStep/index``. Always sent: without it dbt Cloud answers with the artifact of the last step.
  ///   - path: replaced when it exists; not made when there is no artifact.
  /// - Throws: ``DbtCloudError``, or `CancellationError`.
  public func artifact(run: Int64, step: Int, name: String, to path: String) async throws -> ArtifactAnswer {
    let endpoint = Endpoint.artifact(account: account.accountID, run: run, step: step, name: name)
    var resumption = Resumption(partialFiles[endpoint.text])
    while true {
      do {
        let answer = try await call(endpoint, file: FileTarget(path: path, rest: resumption.rest))
        keep(nil, of: endpoint)
        if answer.status == 404 { return .missing }
        if name.hasSuffix(".json"), let beginning = beginningOfFile(path), !mayBeObject(beginning) {
          removeFile(path)
          throw error(.notJSON(status: answer.status), endpoint, shown(beginning))
        }
        return .fetched(bytes: answer.bytesReceived)
      } catch let failure as HTTPError {
        keep(failure.partialFile, of: endpoint)
        guard resumption.note(failure) else { throw self.failure(failure, endpoint) }
      } catch let error as DbtCloudError where error.kind == .unexpected(status: 416) && resumption.rest != nil {
        // What is there now is shorter than what has come: another version.
        keep(nil, of: endpoint)
        resumption = Resumption(nil)
      }
    }
  }

  /// Downloads that were cut and that nobody went on with yet, at most.
  private static let partialFilesAtMost = 32

  private func keep(_ file: HTTPPartialFile?, of endpoint: Endpoint) {
    if let old = partialFiles[endpoint.text], old.path != file?.path { removeFile(old.path) }
    if partialFiles.count >= Self.partialFilesAtMost, let other = partialFiles.first(where: { $0.key != endpoint.text })
    {
      removeFile(other.value.path)
      partialFiles[other.key] = nil
    }
    partialFiles[endpoint.text] = file
  }

  // MARK: Calls

  /// Makes one call, and one more with the token read again after a 401. Returns answers of 200, and 404 for files.
  private func call(_ endpoint: Endpoint, file: FileTarget? = nil) async throws -> HTTPResponse {
    let used = try currentToken(endpoint)
    var answer = try await attempt(endpoint, token: used, file: file)
    if answer.status == 401 {
      let fresh = try readToken(endpoint)
      if fresh != used {
        answer = try await attempt(endpoint, token: fresh, file: file)
      }
    }
    if answer.status == 401 { token = nil }
    if answer.status == 200 || (file != nil && answer.status == 404) { return answer }
    throw failure(answer, endpoint)
  }

  /// Where an artifact goes, and what has come of it before.
  private struct FileTarget {
    var path: String
    var rest: HTTPPartialFile?
  }

  private func attempt(_ endpoint: Endpoint, token: String, file: FileTarget?) async throws -> HTTPResponse {
    try checkCoolDown(endpoint)
    let wait = budget.take(at: clock.now())
    if wait > 0 {
      try await clock.sleep(wait)
      // Another call may have met a 429 meanwhile.
      try checkCoolDown(endpoint)
    }
    try Task.checkCancellation()
    budget.noteCall(at: clock.now())
    var request = HTTPRequest(method: "GET", url: account.url + endpoint.text)
    request.headers = [
      (name: "Authorization", value: "Token \(token)"), (name: "Accept", value: "application/json"),
    ]
    request.timeout = file == nil ? limits.callTimeout : limits.artifactTimeout
    request.maximumBytes = file == nil ? limits.answerBytes : limits.artifactBytes
    request.caFile = account.caFile
    if let file {
      request.destination = .file(path: file.path)
      request.keepsPartialFile = true
      request.goesOnWith = file.rest
    }
    let answer: HTTPResponse
    do {
      answer = try await send(request)
    } catch let failure as HTTPError where failure.partialFile == nil {
      throw self.failure(failure, endpoint)
    }
    if answer.status == 429 {
      let seconds = answer.header("Retry-After").flatMap {
        RetryAfter.seconds($0, now: clock.now().microseconds)
      }
      budget.coolDown(at: clock.now(), seconds: seconds)
    }
    return answer
  }

  private func checkCoolDown(_ endpoint: Endpoint) throws {
    if let seconds = budget.remainingCoolDown(at: clock.now()) {
      throw error(.rateLimited(retryAfter: seconds), endpoint, "cooling down")
    }
  }

  private func currentToken(_ endpoint: Endpoint) throws -> String { try token ?? readToken(endpoint) }

  private func readToken(_ endpoint: Endpoint) throws -> String {
    let read: String
    do {
      read = try account.token()
    } catch {
      throw self.error(.noToken, endpoint, "\(error)")
    }
    guard !read.isEmpty, read.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw error(.noToken, endpoint, read.isEmpty ? "it is empty" : "it has characters that no token has")
    }
    token = read
    hiddenToken = read
    return read
  }

  // MARK: Failures

  private func envelope<Value>(
    of answer: HTTPResponse, _ endpoint: Endpoint, data: (inout JSONCursor) throws -> Value?
  ) throws -> Envelope<Value> {
    do {
      let read = try Envelope(answer.body, source: account.url + endpoint.path, data: data)
      if read.isSuccess == false {
        throw error(
          .unexpected(status: read.code.flatMap { Int(exactly: $0) } ?? answer.status), endpoint, read.message ?? "")
      }
      return read
    } catch let error as JSONError {
      throw self.error(.notJSON(status: answer.status), endpoint, shown(answer.body) + "; \(error.message)")
    }
  }

  private func failure(_ answer: HTTPResponse, _ endpoint: Endpoint) -> DbtCloudError {
    let body = answer.body
    let read = try? Envelope<Bool>(body, source: endpoint.path) { _ in nil }
    let message = read?.message.map { printable($0.utf8, limit: 200, hiding: hiddenToken) } ?? shown(body)
    switch answer.status {
    case 401, 403: return error(.refused(status: answer.status), endpoint, message)
    case 404:
      // Without the API's envelope it is some other server that does not know the path.
      return error(read == nil && !body.isEmpty ? .notJSON(status: 404) : .notFound, endpoint, message)
    case 429:
      let seconds = budget.remainingCoolDown(at: clock.now()) ?? CallBudget.coolDownWithoutHeader
      return error(.rateLimited(retryAfter: seconds), endpoint, message)
    case 408, 425, 500...599: return error(.unavailable(status: answer.status), endpoint, message)
    default: return error(.unexpected(status: answer.status), endpoint, message)
    }
  }

  private func failure(_ failure: HTTPError, _ endpoint: Endpoint) -> any Error {
    switch failure.kind {
    case .cancelled: CancellationError()
    case .tooLarge: error(.tooLarge, endpoint, failure.message)
    case .write: error(.cannotWrite, endpoint, failure.message)
    case .redirect: error(.redirected, endpoint, failure.message)
    case .invalidRequest: error(.invalidURL, endpoint, failure.message)
    default: error(.unavailable(status: nil), endpoint, failure.message)
    }
  }

  private func error(_ kind: DbtCloudError.Kind, _ endpoint: Endpoint, _ message: String) -> DbtCloudError {
    DbtCloudError(
      kind: kind, account: account.name, url: account.url + endpoint.path,
      message: printable(message.utf8, limit: 300, hiding: hiddenToken))
  }

  /// The beginning of something that is not what was expected, and what it may be.
  private func shown(_ bytes: [UInt8]) -> String {
    guard let first = bytes.first(where: { $0 > 0x20 }) else { return "an empty answer" }
    let text = printable(bytes, hiding: hiddenToken)
    return first == UInt8(ascii: "<") ? "\(DbtCloudError.pageMark) \(text)" : text
  }
}
