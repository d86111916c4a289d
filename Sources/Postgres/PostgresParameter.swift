import CLibPQ
import ExecutionModel

/// A value for `$1`, `$2`, … in a statement; sent in binary with its type.
public enum PostgresParameter: Hashable, Sendable {
  /// int8
  case int(Int64)
  /// text; the bytes of `String(lossless:)` go back as they came.
  case text(String)
  /// int8[]
  case intArray([Int64])
  /// text[]
  case textArray([String])
  /// bytea
  case bytes([UInt8])
  /// float8
  case double(Double)
  /// bool
  case bool(Bool)
  /// NULL of a type that the server infers
  case null

  /// Type OIDs of `pg_type`, fixed for ever.
  var type: Oid {
    switch self {
    case .int: 20
    case .text: 25
    case .intArray: 1016
    case .textArray: 1009
    case .bytes: 17
    case .double: 701
    case .bool: 16
    case .null: 0
    }
  }

  /// Appends the value in Postgres' binary format. Binary because a text value ends at its first NUL byte.
  func encode(into buffer: inout [UInt8]) {
    switch self {
    case .int(let value): buffer.append(bigEndian: value)
    case .text(let value): buffer.append(contentsOf: value.losslessBytes)
    case .double(let value): buffer.append(bigEndian: value.bitPattern)
    case .bool(let value): buffer.append(value ? 1 : 0)
    case .bytes(let value): buffer.append(contentsOf: value)
    case .null: break
    case .intArray(let values):
      buffer.append(arrayOf: 20, count: values.count)
      for value in values {
        buffer.append(bigEndian: Int32(8))
        buffer.append(bigEndian: value)
      }
    case .textArray(let values):
      buffer.append(arrayOf: 25, count: values.count)
      for value in values {
        let bytes = value.losslessBytes
        buffer.append(bigEndian: Int32(truncatingIfNeeded: bytes.count))
        buffer.append(contentsOf: bytes)
      }
    }
  }
}

/// Parameters of one statement as libpq takes them.
struct EncodedParameters {
  private(set) var types: [Oid] = []
  private(set) var lengths: [Int32] = []
  private var offsets: [Int?] = []
  /// Begins with a byte of no meaning, so that an empty value has an address, too.
  private var buffer: [UInt8] = [0]

  init() {}

  /// - Throws: `usage` when there are more than the protocol can count or one is larger than Postgres takes (1 GB).
  init(_ parameters: [PostgresParameter]) throws(PostgresError) {
    guard parameters.count <= 65_535 else { throw PostgresError(.usage, "more than 65,535 parameters") }
    for parameter in parameters {
      append(type: parameter.type, isNull: parameter == .null) { parameter.encode(into: &$0) }
    }
    try check()
  }

  /// One more value, as `encode` writes it in Postgres' binary format.
  mutating func append(type: Oid, isNull: Bool = false, _ encode: (inout [UInt8]) -> Void) {
    let start = buffer.count
    if !isNull { encode(&buffer) }
    types.append(type)
    lengths.append(Int32(truncatingIfNeeded: buffer.count - start))
    offsets.append(isNull ? nil : start)
  }

  /// - Throws: `usage` when a value is larger than Postgres takes (1 GB).
  func check() throws(PostgresError) {
    guard buffer.count >= 1 << 30 else { return }
    for (index, offset) in offsets.enumerated() {
      guard let offset else { continue }
      let end = offsets[(index + 1)...].lazy.compactMap(\.self).first ?? buffer.count
      guard end - offset < 1 << 30 else { throw PostgresError(.usage, "a parameter larger than 1 GB") }
    }
  }

  mutating func removeAll() {
    types.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    // Large values are not kept until the statement is used again.
    if buffer.count > 65_536 { buffer = [0] } else { buffer.removeLast(buffer.count - 1) }
  }

  func withValues<R>(_ body: ([UnsafePointer<CChar>?]) -> R) -> R {
    buffer.withUnsafeBytes { bytes in
      body(
        offsets.map { offset in
          offset.flatMap { bytes.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
        })
    }
  }
}

extension [UInt8] {
  mutating func append(bigEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  // One dimension, no NULLs, first index 1. An empty array has no dimension.
  fileprivate mutating func append(arrayOf type: Int32, count: Int) {
    append(bigEndian: Int32(count == 0 ? 0 : 1))
    append(bigEndian: Int32(0))
    append(bigEndian: type)
    if count > 0 {
      append(bigEndian: Int32(truncatingIfNeeded: count))
      append(bigEndian: Int32(1))
    }
  }
}
