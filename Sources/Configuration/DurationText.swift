extension Duration {
  /// A length of time as it is written in the configuration file and on the command line: whole numbers with a unit,
  /// largest unit first (`200ms`, `5s`, `1h30m`, `30d`, `2w`). nil for anything else, a bare number included, and for
  /// more than 100 years.
  public init?(configured text: String) {
    var total: Int64 = 0
    var lastUnit = Int64.max
    var rest = text.utf8[...]
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      rest = rest[digits.endIndex...]
      let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
      rest = rest[letters.endIndex...]
      guard digits.count <= 15, let number = Int64(Substring(digits)),
        let unit = Self.units.first(where: { $0.name.utf8.elementsEqual(letters) })?.milliseconds, unit < lastUnit
      else { return nil }
      let (product, overflows) = number.multipliedReportingOverflow(by: unit)
      guard !overflows, product <= Self.longest - total else { return nil }
      total += product
      lastUnit = unit
    }
    self = .milliseconds(total)
  }

  /// The same length as ``init(configured:)`` reads it, in the fewest units: `90s` is `1m30s`. Cut to milliseconds.
  public var configuredText: String {
    var rest = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    guard rest > 0 else { return "0s" }
    var text = ""
    for unit in Self.units where unit.name != "w" && rest >= unit.milliseconds {
      text += "\(rest / unit.milliseconds)\(unit.name)"
      rest %= unit.milliseconds
    }
    return text
  }

  /// The length in seconds, with the fraction.
  public var totalSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

  private static let units: [(name: String, milliseconds: Int64)] = [
    ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]
  private static let longest: Int64 = 36_525 * 86_400_000
}
