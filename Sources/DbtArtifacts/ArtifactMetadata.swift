import ExecutionModel
import JSONText

/// What every artifact says about the invocation of dbt that wrote it (`metadata`).
///
/// `invocation_started_at` and `run_started_at` are not read: in a manifest of dbt 1.12 they are those of an earlier
/// invocation when the project was parsed partially.
public struct ArtifactMetadata: Hashable, Sendable {
  /// The same in all artifacts of one invocation.
  public var invocationID: String?
  /// `dbt_version`, e.g. 1.9.11.
  public var dbtVersion: String?
  /// `generated_at`: when the file was written.
  public var generatedAt: Instant?
  /// manifest only, dbt 1.5 and later.
  public var projectName: String?
  /// manifest only: postgres, snowflake, bigquery, …
  public var adapterType: String?

  public init() {}

  init(reading cursor: inout JSONCursor) throws {
    guard cursor.isObject else { return }
    var metadata = ArtifactMetadata()
    try cursor.object { key, value in
      switch key {
      case "invocation_id": metadata.invocationID = try value.optionalString()
      case "dbt_version": metadata.dbtVersion = try value.optionalString()
      case "generated_at": metadata.generatedAt = try value.optionalInstant()
      case "project_name": metadata.projectName = try value.optionalString()
      case "adapter_type": metadata.adapterType = try value.optionalString()
      default: break
      }
    }
    self = metadata
  }
}
