/// How many bytes are written in the configuration file.
enum ByteCount {
  /// Whole numbers with a unit (`500MB`, `1GiB`), or without. nil for anything else.
  static func parse(_ text: String) -> Int64? {
    let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard !digits.isEmpty, digits.count <= 18, let number = Int64(Substring(digits)),
      let unit = units[String(text.dropFirst(digits.count))]
    else { return nil }
    let (bytes, overflows) = number.multipliedReportingOverflow(by: unit)
    return overflows ? nil : bytes
  }

  private static let units: [String: Int64] = [
    "": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000, "KiB": 1 << 10, "MiB": 1 << 20,
    "GiB": 1 << 30, "TiB": 1 << 40,
  ]
}
