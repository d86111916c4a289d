/// "Did you mean": the nearest of the known words.
public enum Spelling {
  /// The candidate that `word` was most likely meant to be: at most a third of its letters differ (one at least; a
  /// swap of two neighbours counts as one), or it begins with all of `word`. nil when none is near.
  public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let letters = folded(word)
    guard (1...64).contains(letters.count) else { return nil }
    var best: (distance: Int, word: String)?
    for candidate in candidates {
      let other = folded(candidate)
      let allowed = max(1, max(letters.count, other.count) / 3)
      guard abs(letters.count - other.count) <= allowed else { continue }
      let found = distance(letters, other)
      // A word that shares no letter is no misspelling, however short it is.
      guard found <= allowed, found < max(letters.count, other.count) else { continue }
      if best.map({ found < $0.distance }) ?? true { best = (found, candidate) }
    }
    if let best { return best.word }
    return letters.count < 4 ? nil : candidates.first { folded($0).starts(with: letters) }
  }

  /// `; did you mean X?` or nothing: the tail of an error message.
  public static func suggestion(for word: String, among candidates: some Sequence<String>) -> String {
    nearest(to: word, among: candidates).map { "; did you mean \($0)?" } ?? ""
  }

  private static func folded(_ word: String) -> [UInt8] {
    word.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }

  // Optimal string alignment distance, three rows at a time.
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in 0..<left.count {
      var current = [Int](repeating: row + 1, count: right.count + 1)
      for column in 0..<right.count {
        let isSame = left[row] == right[column]
        current[column + 1] = min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          current[column + 1] = min(current[column + 1], beforeLast[column - 1] + 1)
        }
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
