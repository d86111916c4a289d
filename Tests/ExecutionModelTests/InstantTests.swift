import ExecutionModel
import Glibc
import Testing

@Suite struct InstantTests {
  // 0000-01-01 to 9999-12-31, what RFC 3339 can say.
  private static let sayable = Int64(-62_167_219_200_000_000)...253_402_300_799_999_999

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00+00:00"),
      (-1, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
      (1_795_132_804_000_000, "2026-11-20T00:00:04.000000Z", "2026-11-20T00:00:04+00:00"),
      (951_782_400_000_001, "2000-02-29T00:00:00.000001Z", "2000-02-29T00:00:00.000001+00:00"),
      (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z", "0001-01-01T00:00:00+00:00"),
      (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
      (-2_208_988_800_100_000, "1899-12-31T23:59:59.900000Z", "1899-12-31T23:59:59.900000+00:00"),
    ] as [(Int64, String, String)]) func aKnownInstantIsWritten(microseconds: Int64, rfc3339: String, isoformat: String)
  {
    let instant = Instant(microseconds: microseconds)
    #expect(instant.rfc3339 == rfc3339)
    #expect(instant.isoformat == isoformat)
    #expect(Instant(rfc3339) == instant)
    #expect(Instant(isoformat) == instant)
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func whatIsWrittenIsReadBack(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<5_000 {
      let instant = Instant(microseconds: Int64.random(in: Self.sayable, using: &random))
      #expect(Instant(instant.rfc3339) == instant, "seed \(seed): \(instant.microseconds)")
      #expect(Instant(instant.isoformat) == instant, "seed \(seed): \(instant.microseconds)")
      #expect(instant.rfc3339 == "\(instant.date)T\(instant.clock).\(instant.rfc3339.suffix(7))")
    }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func theCalendarIsThatOfTheSystem(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<5_000 {
      let instant = Instant(microseconds: Int64.random(in: Self.sayable, using: &random))
      var seconds = time_t((Double(instant.microseconds) / 1e6).rounded(.down))
      // The rounding of Double must not decide.
      while seconds * 1_000_000 > Int(instant.microseconds) { seconds -= 1 }
      while (seconds + 1) * 1_000_000 <= Int(instant.microseconds) { seconds += 1 }
      var parts = tm()
      gmtime_r(&seconds, &parts)
      var text = [CChar](repeating: 0, count: 64)
      strftime(&text, 64, "%m-%dT%H:%M:%S", &parts)
      let rest = String(decoding: text.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let year = String(parts.tm_year + 1900)
      let expected = String(repeating: "0", count: 4 - year.count) + "\(year)-\(rest)"
      #expect(instant.rfc3339.hasPrefix(expected), "seed \(seed): \(instant.microseconds)")
    }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func orderOfTimeIsOrderOfText(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<5_000 {
      let left = Instant(microseconds: Int64.random(in: Self.sayable, using: &random))
      let right = Instant(microseconds: Int64.random(in: Self.sayable, using: &random))
      #expect((left < right) == (left.rfc3339 < right.rfc3339), "seed \(seed)")
    }
  }

  @Test(arguments: [
    ("2026-11-20T00:00:04Z", "2026-11-20T00:00:04.000000Z"), ("2026-11-20 00:00:04", "2026-11-20T00:00:04.000000Z"),
    ("2026-11-20 00:00:04+00", "2026-11-20T00:00:04.000000Z"), ("2026-11-20t00:00:04z", "2026-11-20T00:00:04.000000Z"),
    ("2026-11-20T02:00:04.5+0200", "2026-11-20T00:00:04.500000Z"),
    ("2026-11-20T00:00:04.123456789Z", "2026-11-20T00:00:04.123456Z"),
    ("2026-11-19T18:30:04-05:30", "2026-11-20T00:00:04.000000Z"),
    ("2026-02-28T23:30:00-01:00", "2026-03-01T00:30:00.000000Z"),
    ("2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00.000000Z"),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
  ]) func everyKnownFormIsRead(text: String, expected: String) {
    #expect(Instant(text)?.rfc3339 == expected)
  }

  @Test(arguments: [
    "", "2026", "2026-11-20", "2026-11-20T", "2026-11-20T00:00", "2026-11-20T00:00:04.", "2026-11-20T00:00:04.Z",
    "2026-11-20T00:00:04+", "2026-11-20T00:00:04+1", "2026-11-20T00:00:04+01:", "2026-11-20T00:00:04+01:3",
    "2026-11-20T00:00:04+24:00", "2026-11-20T00:00:04+01:60", "2026-11-20T00:00:04ZZ", "2026-11-20T00:00:04 UTC",
    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
    "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-02-30T00:00:00+02:00", "2026-02-30T23:59:60Z", "2026-06-31T12:00:00-0100", "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "+026-01-01T00:00:00Z", "２０２６-01-01T00:00:00Z", "now",
    " 2026-11-20T00:00:04Z", "2026-11-20T00:00:04Z ", "2026-11-20T00:00:04Z\n",
  ]) func anythingElseIsNoInstant(text: String) {
    #expect(Instant(text) == nil)
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func noTextTraps(seed: UInt64) {
    var random = Seeded(seed)
    let alphabet = Array("0123456789-+:.TZ tz9")
    for _ in 0..<10_000 {
      var text = Array("2026-11-20T00:00:04.123456+01:30")
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        text[Int.random(in: text.indices, using: &random)] = alphabet.randomElement(using: &random) ?? "0"
      }
      let cut = String(text.prefix(Int.random(in: 0...text.count, using: &random)))
      guard let instant = Instant(cut) else { continue }
      #expect(
        Instant(instant.rfc3339) == instant || !Self.sayable.contains(instant.microseconds), "seed \(seed): \(cut)")
    }
  }

  @Test(arguments: [Int64.min, .min + 1, .max, .max - 1]) func theExtremesNeitherTrapNorTurnRound(microseconds: Int64) {
    let instant = Instant(microseconds: microseconds)
    #expect(!instant.rfc3339.isEmpty && !instant.isoformat.isEmpty)
    let later = instant.advanced(bySeconds: .max)
    let earlier = instant.advanced(bySeconds: .min)
    #expect(earlier <= instant && instant <= later)
    let zero = Instant(microseconds: 0)
    #expect((instant.seconds(since: zero) < 0) == (microseconds < 0))
    #expect((Instant(microseconds: .max).seconds(since: instant) >= 0))
    #expect((Instant(microseconds: .min).seconds(since: instant) <= 0))
  }

  @Test func secondsAreExactToTheMicrosecondInOurTimes() {
    let start = Instant(microseconds: 1_795_132_804_000_000)
    #expect(Instant(microseconds: 1_795_132_865_200_001).seconds(since: start) == 61.200001)
    #expect(start.advanced(bySeconds: -4).seconds(since: start) == -4)
  }
}
