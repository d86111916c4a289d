import ExecutionModel
import JSONText

/// `run_results.json` (schema v4 of dbt 1.0–1.6 to v6 of 1.8 and later; only members that are there are read).
public struct RunResults: Sendable {
  /// Which invocation wrote the file.
  public var metadata = ArtifactMetadata()
  /// `args.which`: the command that wrote the file. `dbt retry` writes the command that it repeats.
  public var which: String?
  /// `args.full_refresh`
  public var isFullRefresh: Bool?
  /// One row per node, without what only the manifest knows.
  public var results: [DbtNodeResult] = []

  /// - Throws: ``ArtifactError`` when the file is no JSON, has no `results`, or a row lacks `unique_id` or `status`.
  public init(path: String) throws(ArtifactError) {
    let name = ArtifactName.runResults.rawValue
    var read = RunResults()
    var pool = TextPool.ofArtifact()
    var hasResults = false
    try ArtifactError.reading(path, as: name) { cursor, place in
      try cursor.object { key, value in
        switch key {
        case "metadata":
          place.section = "metadata"
          read.metadata = try ArtifactMetadata(reading: &value)
        case "args":
          place.section = "args"
          try value.members { key, value in
            switch key {
            case "which": read.which = try value.optionalString()
            case "full_refresh": read.isFullRefresh = try value.optionalBool()
            default: break
            }
          }
        case "results":
          place.section = "results"
          hasResults = true
          read.results.removeAll()
          guard value.isArray else {
            throw ArtifactError(
              kind: .unexpectedShape, artifact: name, place: "results", message: "an array was expected")
          }
          try value.array { row in
            place.index = read.results.count
            read.results.append(try DbtNodeResult(reading: &row, &place, &pool))
          }
          place.index = nil
        default: place.section = ""
        }
      }
      guard hasResults else {
        throw ArtifactError(kind: .unexpectedShape, artifact: name, message: "there is no `results`")
      }
    }
    self = read
  }

  init() {}
}

extension DbtNodeResult {
  /// One row of `results`.
  fileprivate init(reading row: inout JSONCursor, _ place: inout ReadingPlace, _ pool: inout TextPool) throws {
    let name = ArtifactName.runResults.rawValue
    guard row.isObject else {
      throw ArtifactError(kind: .unexpectedShape, artifact: name, place: place.text, message: "an object was expected")
    }
    var uniqueID: String?
    var status: String?
    var relationName: String?
    var result = DbtNodeResult(uniqueID: "", status: "")
    try row.object { key, value in
      switch key {
      case "unique_id": uniqueID = try value.optionalString()
      case "status": status = try value.optionalString(&pool)
      case "timing": try result.readTiming(&value)
      case "thread_id": result.thread = try value.optionalString(&pool)
      case "execution_time": result.executionTime = try value.optionalDouble()
      case "message": result.message = try value.optionalString()
      case "failures": result.failures = try value.optionalCount()
      case "adapter_response": try result.readAdapterResponse(&value)
      case "batch_results": result.batches = try DbtBatches(reading: &value)
      case "relation_name": relationName = try value.optionalString()
      default: break
      }
    }
    guard let uniqueID, let status else {
      place.member = uniqueID == nil ? "unique_id" : "status"
      throw ArtifactError(kind: .unexpectedShape, artifact: name, place: place.text, message: "a string was expected")
    }
    result.uniqueID = uniqueID
    result.status = status
    // A unique_id is `<resource type>.<package>.<name …>` in every dbt version.
    let parts = uniqueID.utf8.split(separator: UInt8(ascii: "."), maxSplits: 2)
    if parts.count == 3 {
      result.resourceType = String(Substring(parts[0]))
      result.package = String(Substring(parts[1]))
    }
    if RelationName.isNode(ofType: result.resourceType) {
      result.relation = relationName.flatMap(RelationName.unquoted)
    }
    self = result
  }

  /// From the first start to the last end of the phases `compile` and `execute`; empty for a node that was skipped.
  private mutating func readTiming(_ value: inout JSONCursor) throws {
    var started: Instant?
    var completed: Instant?
    try value.elements { phase in
      try phase.members { key, value in
        switch key {
        case "started_at": if let time = try value.optionalInstant() { started = min(started ?? time, time) }
        case "completed_at": if let time = try value.optionalInstant() { completed = max(completed ?? time, time) }
        default: break
        }
      }
    }
    startedAt = started
    completedAt = completed
  }

  private mutating func readAdapterResponse(_ value: inout JSONCursor) throws {
    var jobID: String?
    var rows: Int64?
    var query: String?
    var project: String?
    var location: String?
    try value.members { key, value in
      switch key {
      case "rows_affected": rows = try value.optionalCount()
      case "query_id": query = try value.optionalString()
      case "job_id": jobID = try value.optionalString()
      case "project_id": project = try value.optionalString()
      case "location": location = try value.optionalString()
      default: break
      }
    }
    // BigQuery's jobs have unique ids within a project's location only.
    if let id = jobID, let project, let location { jobID = "\(project):\(location).\(id)" }
    // Views and drivers that do not count give -1.
    rowsAffected = rows.flatMap { $0 < 0 ? nil : $0 }
    queryID = query ?? jobID
  }
}

extension DbtBatches {
  /// `batch_results`: the time ranges of the batches that went well, and of those that failed.
  fileprivate init?(reading cursor: inout JSONCursor) throws {
    guard cursor.isObject else { return nil }
    var batches = DbtBatches(successful: 0, failed: 0)
    try cursor.object { key, value in
      switch key {
      case "successful": try value.elements { _ in batches.successful += 1 }
      case "failed": try value.elements { _ in batches.failed += 1 }
      default: break
      }
    }
    // Every other model of dbt 1.9 and later has null, or two empty lists.
    if batches.successful + batches.failed == 0 { return nil }
    self = batches
  }
}
