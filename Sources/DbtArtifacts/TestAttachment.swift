/// Which node a generic test is attached to, where the manifest does not say it: `attached_node` came with dbt 1.4 and
/// stays null for tests on sources.
///
/// The test's `kwargs.model` is the call that names the node, e.g. `{{ get_where_subquery(ref('orders')) }}`. The node
/// is the one among the test's own `depends_on.nodes` that bears this name. `file_key_name` (`models.orders`) is asked
/// next. Where neither leaves exactly one, nothing is said: the last of `depends_on.nodes` is often, but not always, the
/// attached one (a `relationships` test depends on both ends).
enum TestAttachment {
  static func node(model: String?, fileKeyName: String?, among candidates: [String]) -> String? {
    if let model, let call = call(in: model) {
      let found = candidates.filter { matches($0, call) }
      if found.count == 1 { return found[0] }
    }
    if let fileKeyName, let dot = fileKeyName.firstIndex(of: "."), fileKeyName[..<dot] != "sources" {
      let name = String(fileKeyName[fileKeyName.index(after: dot)...])
      let found = candidates.filter { matches($0, Call(function: "ref", arguments: [name])) }
      if found.count == 1 { return found[0] }
    }
    return nil
  }

  struct Call: Equatable {
    var function: String
    /// The quoted positional arguments.
    var arguments: [String]
    /// `v=` or `version=` of a `ref`.
    var version: String?
  }

  /// The first `ref(…)` or `source(…)` in a template. Arguments that are no quoted text or version are passed over.
  static func call(in template: String) -> Call? {
    var found: (Call, String.Index)?
    for function in ["ref", "source"] {
      guard let start = firstIndex(of: function + "(", in: template) else { continue }
      let rest = template[start...].dropFirst(function.count + 1)
      guard let end = rest.firstIndex(of: ")") else { continue }
      var call = Call(function: function, arguments: [])
      for argument in rest[..<end].split(separator: ",") {
        let text = trimmed(argument)
        if let first = text.first, first == "'" || first == "\"", text.count >= 2, text.last == first {
          call.arguments.append(String(text.dropFirst().dropLast()))
        } else if let equals = text.firstIndex(of: "="), ["v", "version"].contains(trimmed(text[..<equals])) {
          call.version = trimmed(text[text.index(after: equals)...]).filter { $0 != "'" && $0 != "\"" }
        }
      }
      if !call.arguments.isEmpty, found.map({ start < $0.1 }) ?? true { found = (call, start) }
    }
    return found?.0
  }

  /// `ref('name')`, `ref('package', 'name')`, `source('source', 'table')` against
  /// `model.package.name[.v2]`, `source.package.source.table`.
  static func matches(_ uniqueID: String, _ call: Call) -> Bool {
    let parts = uniqueID.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 3, let name = call.arguments.last else { return false }
    if call.function == "source" {
      return parts.count >= 4 && parts[0] == "source" && call.arguments.count == 2
        && parts[2...].joined(separator: ".") == call.arguments.joined(separator: ".")
    }
    guard ["model", "seed", "snapshot"].contains(parts[0]) else { return false }
    if call.arguments.count == 2, parts[1] != call.arguments[0] { return false }
    if let version = call.version { return parts[2...].joined(separator: ".") == "\(name).v\(version)" }
    let isVersion = parts.count == 4 && parts[3].first == "v"
    return (isVersion ? parts[2] : parts[2...].joined(separator: ".")) == name
  }

  private static func firstIndex(of word: String, in text: String) -> String.Index? {
    var index = text.startIndex
    while index < text.endIndex {
      let isWordStart = index == text.startIndex || !isIdentifier(text[text.index(before: index)])
      if isWordStart, text[index...].hasPrefix(word) { return index }
      index = text.index(after: index)
    }
    return nil
  }

  private static func isIdentifier(_ character: Character) -> Bool {
    character == "_" || character.isLetter || character.isNumber
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
