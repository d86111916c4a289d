import ExecutionModel
import JSONText

/// What the API says of a project (`GET /api/v3/accounts/{account}/projects/{id}/`).
public struct DbtProject: Hashable, Sendable {
  public var name: String?
  /// How dbt Cloud reaches the project's warehouse; nil where the answer does not show it.
  public var connection: DbtConnection?
  /// Why nothing (new) could be read, and what to do.
  public var problem: String?

  public init(name: String? = nil, connection: DbtConnection? = nil, problem: String? = nil) {
    self.name = name
    self.connection = connection
    self.problem = problem
  }

  init(reading cursor: inout JSONCursor) throws {
    var project = DbtProject()
    try cursor.members { key, value in
      switch key {
      case "name": project.name = try value.optionalString()
      case "connection":
        if value.kind == .object { project.connection = try DbtConnection(reading: &value) }
      default: break
      }
    }
    self = project
  }
}

extension DbtConnection {
  fileprivate init(reading cursor: inout JSONCursor) throws {
    var name: String?
    var type: String?
    var details: [String: String] = [:]
    try cursor.members { key, value in
      switch key {
      case "name": name = try value.optionalString()
      case "type": type = try value.optionalString()
      case "details": try value.members { try Self.read($0, &$1, into: &details) }
      default: break
      }
    }
    self.init(name: name, type: type, details: details)
  }

  /// `"host": "…"`, `"port": 5432`, or `"connection_details": {"fields": {"host": {"value": "…"}}}`.
  private static func read(_ key: JSONKey, _ value: inout JSONCursor, into details: inout [String: String]) throws {
    switch value.kind {
    case .string, .number: details[key.string] = try scalar(&value)
    case .object where key == "connection_details":
      try value.members { key, value in
        guard key == "fields" else { return }
        try value.members { key, value in
          let name = key.string
          try value.members { key, value in if key == "value" { details[name] = try scalar(&value) } }
        }
      }
    default: break
    }
  }

  private static func scalar(_ value: inout JSONCursor) throws -> String? {
    switch value.kind {
    case .string: try value.string()
    case .number: try value.optionalInteger().map(String.init)
    default: nil
    }
  }
}
