/// A point in time: whole microseconds since 1970-01-01T00:00:00 UTC.
///
/// Postgres `timestamptz` has microsecond precision, so nothing is lost on the way from Airflow's tables. Times that
/// dbt writes with more digits are cut to microseconds.
public struct Instant: Hashable, Comparable, Sendable {
  /// Microseconds since 1970-01-01T00:00:00 UTC; negative before.
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  public static func < (left: Instant, right: Instant) -> Bool { left.microseconds < right.microseconds }

  /// The instant `seconds` later (earlier when negative), or the last (first) one there is.
  public func advanced(bySeconds seconds: Int64) -> Instant {
    let (distance, isFar) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, isBeyond) = microseconds.addingReportingOverflow(distance)
    return Instant(microseconds: isFar || isBeyond ? (seconds < 0 ? .min : .max) : sum)
  }

  /// Seconds from `earlier` to this instant.
  public func seconds(since earlier: Instant) -> Double {
    let (distance, isFar) = microseconds.subtractingReportingOverflow(earlier.microseconds)
    return (isFar ? Double(microseconds) - Double(earlier.microseconds) : Double(distance)) / 1e6
  }
}

// MARK: - Writing

extension Instant {
  /// RFC 3339 in UTC with exactly six fraction digits: `2026-11-20T00:00:04.000000Z`. The form used in records.
  public var rfc3339: String {
    let parts = civil
    return text { writer in
      writer.date(parts)
      writer.put("T")
      writer.clock(parts)
      writer.put(".")
      writer.number(parts.fraction, width: 6)
      writer.put("Z")
    }
  }

  /// What Python's `datetime.isoformat()` prints for an aware UTC value: `2026-01-01T00:00:00+00:00`, with `.ffffff`
  /// only when the microseconds are not zero. OpenLineage's run ids hash exactly this text
  /// (openlineage-python `uuid.py::generate_static_uuid`).
  public var isoformat: String {
    let parts = civil
    return text { writer in
      writer.date(parts)
      writer.put("T")
      writer.clock(parts)
      if parts.fraction != 0 {
        writer.put(".")
        writer.number(parts.fraction, width: 6)
      }
      writer.put("+")
      writer.number(0, width: 2)
      writer.put(":")
      writer.number(0, width: 2)
    }
  }

  /// `HH:MM:SS` of the day in UTC, for screens.
  public var clock: String { text { $0.clock(civil) } }

  /// `YYYY-MM-DD` in UTC, for screens.
  public var date: String { text { $0.date(civil) } }

  private struct Civil { var year: Int64, month: Int64, day: Int64, second: Int64, fraction: Int64 }

  // Howard Hinnant's civil-from-days, proleptic Gregorian.
  private var civil: Civil {
    let day = microseconds.flooredDivision(by: 86_400_000_000)
    let remainder = microseconds % 86_400_000_000
    let rest = remainder < 0 ? remainder + 86_400_000_000 : remainder
    let z = day + 719_468
    let era = z.flooredDivision(by: 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return Civil(
      year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: dayOfYear - (153 * shifted + 2) / 5 + 1,
      second: rest / 1_000_000, fraction: rest % 1_000_000)
  }

  /// The longest has a year of six digits and a sign.
  private func text(_ write: (inout TextWriter) -> Void) -> String {
    String(unsafeUninitializedCapacity: 40) { buffer in
      var writer = TextWriter(buffer: buffer)
      write(&writer)
      return writer.count
    }
  }

  /// Writes into the memory of the string that comes of it: times are written by the million.
  private struct TextWriter {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    var count = 0

    init(buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    mutating func put(_ character: Unicode.Scalar) { put(UInt8(ascii: character)) }

    private mutating func put(_ byte: UInt8) {
      buffer[count] = byte
      count += 1
    }

    /// With zeros before it, to `width` digits at least.
    mutating func number(_ value: Int64, width: Int) {
      if value < 0 { put("-") }
      var divisor: UInt64 = 1
      var digits = 1
      while digits < width || value.magnitude / divisor >= 10 {
        divisor *= 10
        digits += 1
      }
      for _ in 0..<digits {
        put(0x30 + UInt8(value.magnitude / divisor % 10))
        divisor = max(1, divisor / 10)
      }
    }

    mutating func date(_ parts: Civil) {
      number(parts.year, width: 4)
      put("-")
      number(parts.month, width: 2)
      put("-")
      number(parts.day, width: 2)
    }

    mutating func clock(_ parts: Civil) {
      number(parts.second / 3600, width: 2)
      put(":")
      number(parts.second / 60 % 60, width: 2)
      put(":")
      number(parts.second % 60, width: 2)
    }
  }
}

// MARK: - Reading

extension Instant {
  /// Reads every form of time that Airflow, dbt and dbt Cloud are known to write: `T` or a space between date and
  /// clock, no or any number of fraction digits (cut to six), and a zone as `Z`, `+00:00`, `+0000`, `+00` or none,
  /// which means UTC. Returns nil for anything else; never guesses.
  public init?(_ text: some StringProtocol) {
    var reader = DigitReader(bytes: Array(text.utf8))
    guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
      let day = reader.number(2), reader.skip("T") || reader.skip(" ") || reader.skip("t"), let hour = reader.number(2),
      reader.skip(":"), let minute = reader.number(2), reader.skip(":"), let second = reader.number(2)
    else { return nil }
    guard (1...12).contains(month), 1 <= day, day <= Self.days(of: month, year), hour < 24, minute < 60, second <= 60
    else { return nil }
    var fraction: Int64 = 0
    if reader.skip(".") {
      guard let digits = reader.fraction() else { return nil }
      fraction = digits
    }
    var offset: Int64 = 0
    if !reader.atEnd, !(reader.skip("Z") || reader.skip("z")) {
      let negative = reader.skip("-")
      guard negative || reader.skip("+"), let hours = reader.number(2) else { return nil }
      var minutes: Int64 = 0
      if reader.skip(":") || !reader.atEnd {
        guard let read = reader.number(2) else { return nil }
        minutes = read
      }
      guard hours < 24, minutes < 60 else { return nil }
      offset = (hours * 3600 + minutes * 60) * (negative ? -1 : 1)
    }
    guard reader.atEnd else { return nil }
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear.flooredDivision(by: 400)
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }

  private static func days(of month: Int64, _ year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private struct DigitReader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var atEnd: Bool { position == bytes.count }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
      guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    mutating func number(_ digits: Int) -> Int64? {
      guard position + digits <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[position..<position + digits] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      position += digits
      return value
    }

    mutating func fraction() -> Int64? {
      var value: Int64 = 0
      var count = 0
      while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
        if count < 6 { value = value * 10 + Int64(bytes[position] - 0x30) }
        count += 1
        position += 1
      }
      guard count > 0 else { return nil }
      while count < 6 {
        value *= 10
        count += 1
      }
      return value
    }
  }
}

extension Int64 {
  /// Division that rounds toward minus infinity, so that times before 1970 come out right.
  fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
