import ExecutionModel
import JSONText

/// `sources.json` (schema v3): the freshness of each source that `dbt source freshness` looked at.
///
/// dbt 1.8 and later leave out sources whose query failed, although the console prints them; what is not in the file is
/// not in the record.
public struct SourceFreshness: Sendable {
  /// Which invocation wrote the file.
  public var metadata = ArtifactMetadata()
  /// One row per source, in the order of the file.
  public var rows: [DbtFreshness] = []

  /// - Throws: ``ArtifactError`` when the file is no JSON, has no `results`, or a row lacks `unique_id` or `status`.
  public init(path: String) throws(ArtifactError) {
    let name = ArtifactName.sources.rawValue
    var read = SourceFreshness()
    var hasResults = false
    try ArtifactError.reading(path, as: name) { cursor, place in
      try cursor.object { key, value in
        switch key {
        case "metadata":
          place.section = "metadata"
          read.metadata = try ArtifactMetadata(reading: &value)
        case "results":
          place.section = "results"
          hasResults = true
          read.rows.removeAll()
          guard value.isArray else {
            throw ArtifactError(
              kind: .unexpectedShape, artifact: name, place: "results", message: "an array was expected")
          }
          try value.array { row in
            place.index = read.rows.count
            read.rows.append(try DbtFreshness(reading: &row, &place))
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

extension DbtFreshness {
  fileprivate init(reading row: inout JSONCursor, _ place: inout ReadingPlace) throws {
    let name = ArtifactName.sources.rawValue
    guard row.isObject else {
      throw ArtifactError(kind: .unexpectedShape, artifact: name, place: place.text, message: "an object was expected")
    }
    var uniqueID: String?
    var status: String?
    var read = DbtFreshness(uniqueID: "", status: "")
    try row.object { key, value in
      switch key {
      case "unique_id": uniqueID = try value.optionalString()
      case "status": status = try value.optionalString()
      case "max_loaded_at": read.maxLoadedAt = try value.optionalInstant()
      case "snapshotted_at": read.snapshottedAt = try value.optionalInstant()
      case "max_loaded_at_time_ago_in_s": read.ageSeconds = try value.optionalDouble()
      case "error": read.error = try value.optionalString()
      default: break
      }
    }
    guard let uniqueID, let status else {
      place.member = uniqueID == nil ? "unique_id" : "status"
      throw ArtifactError(kind: .unexpectedShape, artifact: name, place: place.text, message: "a string was expected")
    }
    read.uniqueID = uniqueID
    read.status = status
    self = read
  }
}
