/// Says in Postgres' words what a statement of the ledger says in SQLite's, as far as no wording does for both:
///
/// - `?` and `?1` become `$1`; a `?` has the number after the highest so far
/// - `a IS b` and `a IS NOT b` between values become `IS [NOT] DISTINCT FROM`
/// - `CROSS JOIN`, which only tells SQLite in which order to go, becomes `JOIN`; `INDEXED BY` goes
/// - `min` and `max` of several values become `least` and `greatest`, `instr` becomes `strpos`
/// - `sum`, which makes numerics of whole numbers, gives whole numbers
/// - `json_each` becomes `jsonb_array_elements_text`, `GLOB` becomes `LIKE`
///
/// Texts between quotes and comments stay as they are.
struct PostgresSQL {
  /// What Postgres is asked.
  let text: String
  /// The highest number of a parameter.
  private(set) var parameters = 0

  init(_ sql: String) {
    var translation = Translation(sql)
    text = translation.run(until: nil)
    parameters = translation.highest
  }
}

private struct Translation {
  private let source: [UInt8]
  private var position = 0
  private(set) var highest = 0

  init(_ sql: String) { source = Array(sql.utf8) }

  private var current: UInt8? { position < source.count ? source[position] : nil }

  /// Up to the parenthesis that closes the present one, which is left, or to the end.
  mutating func run(until end: UInt8?) -> String {
    var out: [UInt8] = []
    while let byte = current {
      switch byte {
      case _ where byte == end: return String(decoding: out, as: UTF8.self)
      case UInt8(ascii: "("):
        position += 1
        let inside = run(until: UInt8(ascii: ")"))
        out.append(byte)
        out.append(contentsOf: inside.utf8)
        if current != nil {
          out.append(UInt8(ascii: ")"))
          position += 1
        }
      case UInt8(ascii: "'"), UInt8(ascii: "\""): out.append(contentsOf: quoted(byte))
      case UInt8(ascii: "-") where position + 1 < source.count && source[position + 1] == byte:
        while let next = current, next != UInt8(ascii: "\n") {
          out.append(next)
          position += 1
        }
      case UInt8(ascii: "?"):
        position += 1
        out.append(contentsOf: "$\(parameterNumber())".utf8)
      case _ where Self.isWord(byte):
        let word = takeWord()
        out.append(contentsOf: replacement(of: word).utf8)
      default:
        out.append(byte)
        position += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private mutating func parameterNumber() -> Int {
    var digits = 0
    while let byte = current, (0x30...0x39).contains(byte) {
      digits = digits * 10 + Int(byte - 0x30)
      position += 1
    }
    let number = digits > 0 ? digits : highest + 1
    highest = max(highest, number)
    return number
  }

  private mutating func quoted(_ quote: UInt8) -> ArraySlice<UInt8> {
    let start = position
    position += 1
    // A doubled quote ends one text and begins the next.
    while let byte = current, byte != quote { position += 1 }
    position = min(position + 1, source.count)
    return source[start..<position]
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
      || byte >= 0x80
  }

  private mutating func takeWord() -> String {
    let start = position
    while let byte = current, Self.isWord(byte) { position += 1 }
    return String(decoding: source[start..<position], as: UTF8.self)
  }

  /// The word that follows, without going there.
  private func nextWord() -> String {
    var copy = self
    copy.skipSpace()
    return copy.takeWord()
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A { position += 1 }
  }

  private mutating func take(_ word: String) {
    skipSpace()
    position += word.utf8.count
  }

  private mutating func replacement(of word: String) -> String {
    switch word {
    case "IS": return comparison()
    case "CROSS":
      take("JOIN")
      return "JOIN"
    case "INDEXED":
      take("BY")
      skipSpace()
      _ = takeWord()
      return ""
    case "GLOB":
      skipSpace()
      return like(takeWord())
    case "instr" where current == UInt8(ascii: "("): return "strpos"
    case "min" where current == UInt8(ascii: "("): return severalValues() ? "least" : word
    case "max" where current == UInt8(ascii: "("): return severalValues() ? "greatest" : word
    case "sum" where current == UInt8(ascii: "("): return "CAST(sum(\(argument())) AS bigint)"
    case "json_each" where current == UInt8(ascii: "("):
      return "jsonb_array_elements_text(CAST(\(argument()) AS jsonb))"
    default: return word
    }
  }

  private static let truths: Set<String> = ["NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT"]

  private mutating func comparison() -> String {
    let isNegated = nextWord() == "NOT"
    if isNegated { take("NOT") }
    if Self.truths.contains(nextWord()) { return isNegated ? "IS NOT" : "IS" }
    return isNegated ? "IS DISTINCT FROM" : "IS NOT DISTINCT FROM"
  }

  /// The text between the parentheses that begin here.
  private mutating func argument() -> String {
    position += 1
    let inside = run(until: UInt8(ascii: ")"))
    position = min(position + 1, source.count)
    return inside
  }

  /// Whether there is more than one value between the parentheses that begin here.
  private func severalValues() -> Bool {
    var depth = 0
    var copy = self
    while let byte = copy.current {
      if byte == UInt8(ascii: "'") {
        _ = copy.quoted(byte)
        continue
      }
      if byte == UInt8(ascii: "(") { depth += 1 }
      if byte == UInt8(ascii: ")") { depth -= 1 }
      if byte == UInt8(ascii: ","), depth == 1 { return true }
      if depth == 0 { return false }
      copy.position += 1
    }
    return false
  }

  /// Of the patterns that the ledger makes: `*` and `?`, and a bracket as `[[]`.
  private func like(_ pattern: String) -> String {
    let steps = [("\\", "\\\\"), ("%", "\\%"), ("_", "\\_"), ("*", "%"), ("?", "_"), ("[[]", "[")]
    return "LIKE " + steps.reduce(pattern) { "replace(\($0), '\($1.0)', '\($1.1)')" }
  }
}
