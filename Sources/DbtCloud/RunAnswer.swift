import ExecutionModel
import JSONText

/// A run as the API describes it (`RunResponse`), read member by member: logs of steps are passed over unread.
///
/// Only `created_at` and `updated_at` are sure to be there; everything else may be null.
struct RunAnswer {
  private(set) var id: Int64?
  private(set) var updatedAt: Instant?
  /// `has_docs_generated`
  private(set) var hasDocs: Bool?
  private var statusCode: Int64?
  private var statusText: String?
  private var statusHumanized: String?
  private var jobID: Int64?
  private var idOfJob: Int64?
  private var run: DbtRun

  /// - Parameter account: whose run it is; host and id of the key are those of the configuration.
  init(_ cursor: inout JSONCursor, account: DbtCloudAccount) throws {
    run = DbtRun(key: .cloud(host: account.host, accountID: account.accountID, runID: 0), status: "")
    run.account = account.name
    run.accountID = account.accountID
    run.host = account.host
    var answer = self
    try cursor.object { key, value in
      switch key {
      case "id": answer.id = try value.optionalID()
      case "status": try answer.readStatus(&value)
      case "status_humanized": answer.statusHumanized = try value.optionalString()
      case "status_message": answer.run.statusMessage = try value.optionalString()
      case "job_definition_id": answer.run.jobID = try value.optionalID()
      case "job_id": answer.jobID = try value.optionalID()
      case "project_id": answer.run.projectID = try value.optionalID()
      case "environment_id": answer.run.environmentID = try value.optionalID()
      case "retrying_run_id": answer.run.retryingRunID = try value.optionalID()
      case "artifacts_saved": answer.run.artifactsSaved = try value.optionalBool()
      case "has_docs_generated": answer.hasDocs = try value.optionalBool()
      case "updated_at": answer.updatedAt = try value.optionalInstant()
      case "created_at": answer.run.createdAt = try value.optionalInstant()
      case "started_at": answer.run.startedAt = try value.optionalInstant()
      case "finished_at": answer.run.finishedAt = try value.optionalInstant()
      case "git_branch": answer.run.gitBranch = try value.optionalString()
      case "git_sha": answer.run.gitSHA = try value.optionalString()
      case "dbt_version": answer.run.dbtVersion = try value.optionalString()
      case "href": answer.run.href = try value.optionalString()
      case "trigger":
        try value.members { key, value in if key == "cause" { answer.run.cause = try value.optionalString() } }
      case "job":
        try value.members { key, value in
          switch key {
          case "id": answer.idOfJob = try value.optionalID()
          case "name": answer.run.jobName = try value.optionalString()
          default: break
          }
        }
      case "environment":
        try value.members { key, value in
          if key == "name" { answer.run.environmentName = try value.optionalString() }
        }
      case "run_steps": try answer.readSteps(&value)
      default: break
      }
    }
    self = answer
  }

  /// The run; nil when the answer lacks its id or its status.
  func run(of account: DbtCloudAccount) -> DbtRun? {
    guard let id else { return nil }
    var run = run
    run.key = .cloud(host: account.host, accountID: account.accountID, runID: id)
    run.runID = id
    run.jobID = run.jobID ?? jobID ?? idOfJob
    if let code = statusCode.flatMap({ Int(exactly: $0) }) {
      run.statusCode = code
      run.status = DbtRun.statusName(code: code)
    } else if let text = statusText ?? statusHumanized?.lowercased(), !text.isEmpty {
      run.status = text
    } else {
      return nil
    }
    return run
  }

  private mutating func readStatus(_ value: inout JSONCursor) throws {
    switch value.kind {
    case .number: statusCode = try value.optionalInteger()
    case .string: statusText = try value.string()
    default: break
    }
  }

  private mutating func readSteps(_ value: inout JSONCursor) throws {
    guard value.kind == .array else { return }
    var steps: [DbtStep] = []
    try value.array { element in
      // `index` counts from 1, as the position does.
      var step = DbtStep(index: steps.count + 1)
      var command: String?
      guard element.kind == .object else { return }
      try element.object { key, value in
        switch key {
        case "index": step.index = try value.optionalID().flatMap { Int(exactly: $0) } ?? step.index
        case "name": step.name = try value.optionalString()
        case "status":
          switch value.kind {
          case .number: step.status = try value.optionalInteger().map { DbtRun.statusName(code: Int($0)) }
          case .string: step.status = try value.string()
          default: break
          }
        case "started_at": step.startedAt = try value.optionalInstant()
        case "finished_at": step.finishedAt = try value.optionalInstant()
        case "run_step_command":
          try value.members { key, value in if key == "dbt_command" { command = try value.optionalString() } }
        default: break
        }
      }
      step.name = step.name ?? command
      steps.append(step)
    }
    run.steps = steps.sorted { $0.index < $1.index }
  }
}

extension DbtRun {
  /// Whether dbt Cloud goes on with this run no more. A status that is not known counts as an end when the run bears an
  /// end; a cancelled run need not.
  public var isOverInDbtCloud: Bool {
    switch statusCode {
    case 10, 20, 30: true
    case 1, 2, 3: false
    default: finishedAt != nil
    }
  }
}

extension JSONCursor {
  mutating func optionalInstant() throws -> Instant? { try optionalString().flatMap { Instant($0) } }

  /// An id of 64 bits; webhooks and some answers write ids as text.
  mutating func optionalID() throws -> Int64? {
    switch kind {
    case .number: return try optionalInteger()
    case .string: return Int64(try string())
    default: return nil
    }
  }

  /// Calls `member` for each member of an object; anything else is passed over.
  mutating func members(_ member: (JSONKey, inout JSONCursor) throws -> Void) throws {
    if kind == .object { try object(member) }
  }
}
