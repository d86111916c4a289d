import ExecutionModel

/// One row in Postgres' binary format; columns by index from 0. Valid only inside the callback that gets it.
///
/// The types are those of the columns on the server; cast in SQL what has no method here (`::text` for jsonb, numeric,
/// arrays and enums).
public struct PostgresRow {
  let fields: RowFields

  /// How many columns there are.
  public var count: Int { fields.count }

  /// Whether the column is NULL (or does not exist).
  public func isNull(_ column: Int) -> Bool { fields[column] == nil }

  /// text, varchar, char, name, json.
  public func text(_ column: Int) throws(PostgresError) -> String { String(lossless: try present(column)) }

  public func optionalText(_ column: Int) throws(PostgresError) -> String? {
    try existing(column).map { String(lossless: $0) }
  }

  /// int2, int4, int8, by length.
  public func int(_ column: Int) throws(PostgresError) -> Int64 { try decodeInt(column, try present(column)) }

  public func optionalInt(_ column: Int) throws(PostgresError) -> Int64? {
    guard let bytes = try existing(column) else { return nil }
    return try decodeInt(column, bytes)
  }

  /// timestamptz.
  ///
  /// - Throws: `decode` for NULL and for ±infinity, which is no instant.
  public func instant(_ column: Int) throws(PostgresError) -> Instant {
    guard let instant = try decodeInstant(column, try present(column)) else {
      throw malformed(column, "an infinite timestamp where a point in time is expected")
    }
    return instant
  }

  /// timestamptz; nil for NULL and for ±infinity.
  public func optionalInstant(_ column: Int) throws(PostgresError) -> Instant? {
    guard let bytes = try existing(column) else { return nil }
    return try decodeInstant(column, bytes)
  }

  /// float4 or float8.
  public func optionalDouble(_ column: Int) throws(PostgresError) -> Double? {
    guard let bytes = try existing(column) else { return nil }
    switch bytes.count {
    case 8: return Double(bitPattern: bytes.bigEndian(UInt64.self))
    case 4: return Double(Float(bitPattern: bytes.bigEndian(UInt32.self)))
    default: throw malformed(column, "\(bytes.count) bytes where float4 or float8 is expected")
    }
  }

  public func optionalBool(_ column: Int) throws(PostgresError) -> Bool? {
    guard let bytes = try existing(column) else { return nil }
    guard bytes.count == 1 else { throw malformed(column, "\(bytes.count) bytes where bool is expected") }
    return bytes[0] != 0
  }

  /// bytea, or any other type as the server sends it in binary.
  public func optionalBytes(_ column: Int) -> [UInt8]? { fields[column].map { Array($0) } }

  /// The value as the server sends it, without a copy; nil for NULL. The pointer is valid as long as the row is.
  public func unsafeBytes(_ column: Int) -> UnsafeRawBufferPointer? { fields[column] }

  /// uuid in its usual lower-case form.
  public func optionalUUID(_ column: Int) throws(PostgresError) -> String? {
    guard let bytes = try existing(column) else { return nil }
    guard bytes.count == 16 else { throw malformed(column, "\(bytes.count) bytes where uuid is expected") }
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
      text.append(hexDigit(byte >> 4))
      text.append(hexDigit(byte & 15))
    }
    return String(decoding: text, as: UTF8.self)
  }

  private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

  private func decodeInt(_ column: Int, _ bytes: UnsafeRawBufferPointer) throws(PostgresError) -> Int64 {
    switch bytes.count {
    case 8: return bytes.bigEndian(Int64.self)
    case 4: return Int64(bytes.bigEndian(Int32.self))
    case 2: return Int64(bytes.bigEndian(Int16.self))
    default: throw malformed(column, "\(bytes.count) bytes where int2, int4 or int8 is expected")
    }
  }

  // Microseconds since 2000-01-01 UTC. The extremes mean -infinity and infinity; the last thirty years before the year
  // 294277 do not fit an Instant and are treated alike.
  private func decodeInstant(_ column: Int, _ bytes: UnsafeRawBufferPointer) throws(PostgresError) -> Instant? {
    guard bytes.count == 8 else { throw malformed(column, "\(bytes.count) bytes where timestamptz is expected") }
    let value = bytes.bigEndian(Int64.self)
    let (microseconds, overflow) = value.addingReportingOverflow(946_684_800_000_000)
    return value == .min || overflow ? nil : Instant(microseconds: microseconds)
  }

  private func existing(_ column: Int) throws(PostgresError) -> UnsafeRawBufferPointer? {
    guard column >= 0, column < fields.count else {
      throw malformed(column, "there are only \(fields.count) columns")
    }
    return fields[column]
  }

  private func present(_ column: Int) throws(PostgresError) -> UnsafeRawBufferPointer {
    guard let bytes = try existing(column) else { throw malformed(column, "NULL where a value is expected") }
    return bytes
  }

  private func malformed(_ column: Int, _ problem: String) -> PostgresError {
    PostgresError(.decode, "column \(column): \(problem)", query: fields.query)
  }
}

extension UnsafeRawBufferPointer {
  /// The caller has checked the length.
  func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at offset: Int = 0) -> T {
    T(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}
