import ExecutionModel
import Postgres

/// Texts that come again and again in a table (hosts, operators, tasks), each kept once: a million rows then share a few
/// thousand strings instead of allocating their own.
struct TextPool {
  private struct Entry {
    var hash: UInt64
    var text: String
  }

  /// Open addressing; a power of two.
  private var entries: [Entry?]
  private var count = 0

  init(capacity: Int = 8192) { entries = Array(repeating: nil, count: capacity) }

  /// The text as `String(lossless:)` makes it.
  mutating func text(_ bytes: UnsafeRawBufferPointer) -> String {
    // Up to 15 bytes are stored in the string itself.
    if bytes.count <= 15 { return String(lossless: bytes) }
    let hash = Self.hash(bytes)
    var slot = Int(truncatingIfNeeded: hash) & (entries.count - 1)
    while let entry = entries[slot] {
      if entry.hash == hash, Self.matches(entry.text, bytes) { return entry.text }
      slot = (slot + 1) & (entries.count - 1)
    }
    let text = String(lossless: bytes)
    // Text of other bytes (see `String(lossless:)`) would never match.
    guard Self.matches(text, bytes) else { return text }
    if count * 2 >= entries.count {
      entries = Array(repeating: nil, count: entries.count)
      count = 0
      slot = Int(truncatingIfNeeded: hash) & (entries.count - 1)
    }
    entries[slot] = Entry(hash: hash, text: text)
    count += 1
    return text
  }

  private static func matches(_ text: String, _ bytes: UnsafeRawBufferPointer) -> Bool {
    text.utf8.withContiguousStorageIfAvailable { stored in
      stored.count == bytes.count && UnsafeRawBufferPointer(stored).elementsEqual(bytes)
    } ?? false
  }

  /// Eight bytes at a time, each mixed in by a multiplication whose halves are folded.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
    var offset = 0
    func mix(_ word: UInt64) {
      let product = (hash ^ word).multipliedFullWidth(by: 0x9FB2_1C65_1E98_DF25)
      hash = product.high ^ product.low
    }
    while offset + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    // At least 16 bytes: the last eight overlap with those before.
    if offset < bytes.count { mix(bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)) }
    return hash
  }
}

extension PostgresRow {
  /// A text column that must not be NULL.
  func text(_ column: Int, _ pool: inout TextPool) throws -> String {
    if let text = optionalText(column, &pool) { return text }
    return try text(column)
  }

  func optionalText(_ column: Int, _ pool: inout TextPool) -> String? {
    withBytes(column) { bytes in bytes.map { pool.text($0) } }
  }
}
