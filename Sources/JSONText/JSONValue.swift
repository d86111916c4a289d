import ExecutionModel

/// A small JSON document in memory. Numbers keep the text of their source; objects keep their order.
/// Never used for artifacts: those are streamed with ``JSONDocument``.
public indirect enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// A number as its source wrote it, `NaN`, `Infinity` and `-Infinity` included, which Python writes.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// One member of an object.
  public struct Member: Hashable, Sendable {
    public var name: String
    public var value: JSONValue

    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  public init(_ value: Int64) { self = .number(String(value)) }

  /// The member of that name (the last one, as most readers have it); nil when there is none or this is no object.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == name }?.value
  }

  public var stringValue: String? { if case .string(let text) = self { text } else { nil } }
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var arrayValue: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
  public var objectValue: [Member]? { if case .object(let members) = self { members } else { nil } }
  /// The number as a whole number of 64 bits, one written as `120.0` included; nil when it has a fraction or is too
  /// large.
  public var integerValue: Int64? { if case .number(let text) = self { JSONNumber.integer(text) } else { nil } }
  /// The number as a finite double; nil when it is not finite or too large for one.
  public var doubleValue: Double? { if case .number(let text) = self { JSONNumber.double(text) } else { nil } }

  /// Canonical JSON text of this value.
  public var rawJSON: RawJSON {
    var writer = JSONWriter()
    writer.value(self)
    return RawJSON(writer.text)
  }
}

extension JSONWriter {
  /// The stand-in for something that JSON does not have.
  public mutating func opaque(kind: String, bytes: Int) {
    object { writer in
      writer.member("opaque", kind)
      writer.member("bytes", bytes)
    }
  }

  /// A value with everything in it. Numbers that are not finite, which JSON does not have, become
  /// `{"opaque":"NaN","bytes":3}` and so on.
  public mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let bool): self.bool(bool)
    case .number(let text) where JSONNumber.isNotFinite(text.utf8): opaque(kind: text, bytes: text.utf8.count)
    case .number(let text): raw(RawJSON(text))
    case .string(let text): string(text)
    case .array(let values):
      beginArray()
      for element in values { self.value(element) }
      endArray()
    case .object(let members):
      beginObject()
      for member in members {
        key(member.name)
        self.value(member.value)
      }
      endObject()
    }
  }
}
