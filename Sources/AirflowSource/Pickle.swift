import JSONText

/// Reads plain data out of a Python pickle of protocol 2 to 5 and executes nothing.
///
/// None, bool, int, float, str, bytes, bytearray, list, tuple, dict, set and frozenset, nested and shared, are plain
/// data. Anything else, an object of some class above all, makes the whole value opaque: its name is told, its code is
/// never looked for. Memory grows with the pickle's length; what shared references unfold to is bounded.
enum Pickle {
  static func value(_ bytes: [UInt8]) -> StoredValue {
    do throws(Failure) {
      var machine = PickleMachine(bytes)
      let root = try machine.run()
      var unfolding = PickleUnfolding(nodes: machine.nodes, pickleBytes: bytes.count)
      switch try unfolding.value(root, depth: 0) {
      case .json(let value): return .json(value)
      case .opaque(let kind, let count): return .opaque(kind: kind, bytes: count)
      }
    } catch {
      return .opaque(kind: error.kind, bytes: bytes.count)
    }
  }

  enum Failure: Error {
    /// Refers to a Python name that is no plain data.
    case object(String)
    /// Not a complete pickle of a known protocol.
    case malformed
    /// Nested too deep, or unfolds to too much.
    case tooLarge

    var kind: String {
      switch self {
      case .object(let name): name.isEmpty ? "pickle of an object" : "pickle of \(name)"
      case .malformed: "malformed pickle"
      case .tooLarge: "pickle too large"
      }
    }
  }

  /// A value on the machine's stack. Containers refer to others by their place in the list of all nodes.
  enum Node {
    case none
    case bool(Bool)
    /// Decimal digits.
    case integer(String)
    /// More bytes than are turned into digits.
    case hugeInteger(bytes: Int)
    case float(Double)
    case string(String)
    case bytes(Int)
    case list([Int])
    case tuple([Int])
    case set([Int])
    case dict([(key: Int, value: Int)])
    /// One of the names with which protocols below 4 spell plain data.
    case name(Name)
  }

  enum Name: String {
    case set, frozenset, bytes, bytearray, encode

    init?(module: String, name: String) {
      switch (module, name) {
      case ("builtins", _), ("__builtin__", _):
        guard let value = Name(rawValue: name), value != .encode else { return nil }
        self = value
      case ("_codecs", "encode"): self = .encode
      default: return nil
      }
    }
  }
}
