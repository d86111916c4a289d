/// Python's integers as pickles have them: little-endian two's complement of any length.
enum LittleEndianInteger {
  /// More than any number that is meant to be read; Python itself refuses to print more than 4300 digits.
  private static let maximumBytes = 256

  /// Decimal digits; nil when there are more bytes than are turned into digits.
  static func decimal(_ bytes: ArraySlice<UInt8>) -> String? {
    guard bytes.count <= maximumBytes else { return nil }
    let isNegative = bytes.last.map { $0 >= 0x80 } ?? false
    var magnitude = Array(bytes)
    if isNegative {
      var carry = true
      for index in magnitude.indices {
        magnitude[index] = ~magnitude[index]
        if carry { (magnitude[index], carry) = magnitude[index].addingReportingOverflow(1) }
      }
    }
    var groups: [UInt32] = []  // of nine digits, the lowest first
    for byte in magnitude.reversed() {
      var carry = UInt64(byte)
      for index in groups.indices {
        carry += UInt64(groups[index]) << 8
        groups[index] = UInt32(carry % 1_000_000_000)
        carry /= 1_000_000_000
      }
      if carry > 0 { groups.append(UInt32(carry)) }
    }
    guard let highest = groups.last else { return "0" }
    let rest = groups.dropLast().reversed().map { group in
      let digits = String(group)
      return String(repeating: "0", count: 9 - digits.count) + digits
    }
    return (isNegative ? "-" : "") + String(highest) + rest.joined()
  }
}
