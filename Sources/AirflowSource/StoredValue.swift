import ExecutionModel
import JSONText

/// What Airflow stored in an XCom, a conf or a rendered field.
enum StoredValue: Hashable, Sendable {
  case json(JSONValue)
  /// Not plain data. The kind says what it is, for people.
  case opaque(kind: String, bytes: Int)

  /// 2.x writes `json.dumps` text or, with `enable_xcom_pickling` and for conf, a pickle, whose first byte is 0x80 and
  /// can start no JSON text. 3.x gives jsonb as text.
  init(_ bytes: [UInt8]) {
    if bytes.first == 0x80 {
      self = Pickle.value(bytes)
    } else if let value = PythonJSON.value(bytes) {
      self = .json(value)
    } else {
      let isText = String(validating: bytes, as: UTF8.self) != nil
      self = .opaque(kind: bytes.isEmpty ? "empty" : isText ? "text" : "bytes", bytes: bytes.count)
    }
  }

  /// Canonical JSON text; `{"opaque": kind, "bytes": n}` for what is not plain data.
  var rawJSON: RawJSON {
    switch self {
    case .json(let value): value.rawJSON
    case .opaque(let kind, let bytes): JSONValue.opaque(kind, bytes: bytes).rawJSON
    }
  }

  /// What an XCom holds.
  static func content(_ bytes: UnsafeRawBufferPointer) -> XCom.Content {
    isCanonical(bytes) ? .json(RawJSON(String(decoding: bytes, as: UTF8.self))) : StoredValue(Array(bytes)).content
  }

  /// Whether these bytes surely are canonical JSON as they stand: a whole number, or a text of plain ASCII. Nearly all
  /// that the dbt operators write is.
  private static func isCanonical(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let first = bytes.first else { return false }
    if first == UInt8(ascii: "\"") {
      guard bytes.count >= 2, bytes[bytes.count - 1] == first else { return false }
      return bytes[1..<bytes.count - 1].allSatisfy {
        (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
      }
    }
    return first >= UInt8(ascii: "1") && bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// The same as content of an XCom.
  var content: XCom.Content {
    switch self {
    case .json(let value): .json(value.rawJSON)
    case .opaque(let kind, let bytes): .opaque(kind: kind, bytes: bytes)
    }
  }
}

extension JSONValue {
  /// What stands in JSON for something that JSON cannot hold.
  static func opaque(_ kind: String, bytes: Int) -> JSONValue {
    .object([Member("opaque", .string(kind)), Member("bytes", JSONValue(Int64(bytes)))])
  }
}
