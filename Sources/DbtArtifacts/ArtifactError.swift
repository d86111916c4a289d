import JSONText

/// An artifact that cannot be read. What is recorded without it, its reader says.
public struct ArtifactError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with it.
  public enum Kind: Hashable, Sendable {
    /// The file cannot be opened or read on this machine.
    case unreadable
    /// The bytes are no JSON document, or only the beginning of one.
    case notJSON
    /// JSON, but not of the shape that dbt writes.
    case unexpectedShape
  }

  /// What is wrong with it.
  public var kind: Kind
  /// The file's name as dbt has it, e.g. `run_results.json`.
  public var artifact: String
  /// Where in the document, e.g. `results[12].unique_id`; empty for the document as a whole.
  public var place: String
  /// What was found or expected there.
  public var message: String

  public init(kind: Kind, artifact: String, place: String = "", message: String) {
    self.kind = kind
    self.artifact = artifact
    self.place = place
    self.message = message
  }

  /// Whether fetching the artifact once more may help: a download that was cut off shows as broken JSON.
  public var isRetryable: Bool { kind != .unexpectedShape }

  /// One line that names file and place and says what to do.
  public var description: String {
    let at = place.isEmpty ? "" : " at \(place)"
    return switch kind {
    case .unreadable:
      "\(artifact) cannot be read: \(message). Check the free space and the rights of the working directory."
    case .notJSON:
      "\(artifact) is broken\(at): \(message). The file is cut short or damaged."
    case .unexpectedShape:
      "\(artifact) is not as dbt writes it\(at): \(message). If dbt has written it, please report its version."
    }
  }
}

/// Where a streaming reader stands, for errors.
struct ReadingPlace {
  var section = ""
  var index: Int?
  var member: String?

  var text: String {
    var text = section
    if let index { text += "[\(index)]" }
    if let member { text += text.isEmpty ? member : ".\(member)" }
    return text
  }
}

extension ArtifactError {
  /// Reads a document whose root is an object; see ``naming(_:_:)``.
  static func reading<Value>(
    _ path: String, as artifact: String, _ body: (inout JSONCursor, inout ReadingPlace) throws -> Value
  ) throws(ArtifactError) -> Value {
    try naming(artifact) { place in
      try JSONDocument(mappingFile: path).read { cursor in
        guard cursor.isObject else { throw noObject(artifact) }
        return try body(&cursor, &place)
      }
    }
  }

  /// Turns whatever goes wrong while an artifact is read into an ``ArtifactError`` that names the file and the place.
  static func naming<Value>(
    _ artifact: String, _ body: (inout ReadingPlace) throws -> Value
  ) throws(ArtifactError) -> Value {
    var place = ReadingPlace()
    do {
      return try body(&place)
    } catch let error as ArtifactError {
      throw error
    } catch let error as JSONError {
      let at = error.byteOffset.map { " (at byte \($0))" } ?? ""
      let kind: Kind = if case .file = error.kind { .unreadable } else { .notJSON }
      throw ArtifactError(kind: kind, artifact: artifact, place: place.text, message: error.message + at)
    } catch {
      throw ArtifactError(kind: .unreadable, artifact: artifact, place: place.text, message: "\(error)")
    }
  }

  static func noObject(_ artifact: String) -> ArtifactError {
    ArtifactError(kind: .unexpectedShape, artifact: artifact, message: "the document is no object")
  }
}
