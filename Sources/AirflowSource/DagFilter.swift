/// Which DAGs are read (`dags: {include, exclude}` of the configuration).
///
/// Patterns match a whole dag_id: `*` stands for any text, `?` for any one character, all else for itself; case counts.
/// A DAG is read when some `include` pattern matches and no `exclude` pattern does.
public struct DagFilter: Hashable, Sendable {
  /// Patterns of which one must match; none means every DAG.
  public var include: [String]
  /// Patterns of which none may match.
  public var exclude: [String]

  public init(include: [String] = ["*"], exclude: [String] = []) {
    self.include = include
    self.exclude = exclude
  }

  /// Every DAG.
  public static let all = DagFilter()

  /// Whether runs of that DAG are read.
  public func includes(_ dagID: String) -> Bool {
    if self == .all { return true }
    let text = Array(dagID.unicodeScalars)
    return (include.isEmpty || include.contains { Self.matches(Array($0.unicodeScalars), text) })
      && !exclude.contains { Self.matches(Array($0.unicodeScalars), text) }
  }

  // Only the last `*` is ever tried again, so the time is at most the product of both lengths.
  private static func matches(_ pattern: [Unicode.Scalar], _ text: [Unicode.Scalar]) -> Bool {
    var position = 0
    var index = 0
    var star: (pattern: Int, text: Int)?
    while index < text.count {
      if position < pattern.count, pattern[position] == "*" {
        star = (position, index)
        position += 1
      } else if position < pattern.count, pattern[position] == "?" || pattern[position] == text[index] {
        position += 1
        index += 1
      } else if let last = star {
        star = (last.pattern, last.text + 1)
        position = last.pattern + 1
        index = last.text + 1
      } else {
        return false
      }
    }
    return pattern[position...].allSatisfy { $0 == "*" }
  }
}
