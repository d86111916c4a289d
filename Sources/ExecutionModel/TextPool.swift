import Glibc

/// Texts that come again and again in a table (hosts, operators, tasks) or a file (threads, packages, descriptions), each
/// made once: a million rows then share a few thousand strings instead of allocating their own.
public struct TextPool {
  /// Longer ones hardly come twice.
  private static let longestText = 256

  /// Open addressing over ``hashes`` and ``texts``: position + 1, or 0. A power of two.
  private var slots: [Int32]
  private var hashes: [UInt64] = []
  private var texts: [String] = []
  /// What ``texts`` hold, one after the other, and where each ends: comparing a string would count a reference.
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  private let limit: Int

  /// - Parameter limit: how many texts are kept before the pool begins anew.
  public init(limit: Int = 8192) {
    self.limit = max(limit, 1)
    slots = Array(repeating: 0, count: 64)
  }

  /// The text as `String(lossless:)` makes it.
  public mutating func text(_ wanted: UnsafeRawBufferPointer) -> String {
    guard wanted.count <= Self.longestText, !wanted.isEmpty else { return String(lossless: wanted) }
    let hash = Self.hash(wanted)
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 {
      let position = Int(slots[slot]) - 1
      if hashes[position] == hash, has(wanted, at: position) { return texts[position] }
      slot = (slot + 1) & (slots.count - 1)
    }
    let text = String(lossless: wanted)
    // Bytes that are no text would not be known again.
    if text.utf8.count == wanted.count { add(hash, text, wanted) }
    return text
  }

  private func has(_ wanted: UnsafeRawBufferPointer, at position: Int) -> Bool {
    let start = position == 0 ? 0 : ends[position - 1]
    guard ends[position] - start == wanted.count, let other = wanted.baseAddress else { return false }
    return bytes.withUnsafeBytes { own in
      own.baseAddress.map { memcmp($0 + start, other, wanted.count) == 0 } ?? false
    }
  }

  private mutating func add(_ hash: UInt64, _ text: String, _ own: UnsafeRawBufferPointer) {
    if texts.count == limit {
      hashes.removeAll(keepingCapacity: true)
      texts.removeAll(keepingCapacity: true)
      bytes.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
      slots = Array(repeating: 0, count: slots.count)
    }
    hashes.append(hash)
    texts.append(text)
    bytes.append(contentsOf: own)
    ends.append(bytes.count)
    if texts.count * 2 > slots.count {
      slots = Array(repeating: 0, count: slots.count * 4)
      for position in texts.indices { place(position) }
    } else {
      place(texts.count - 1)
    }
  }

  private mutating func place(_ position: Int) {
    var slot = Int(truncatingIfNeeded: hashes[position]) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(position + 1)
  }

  /// Eight bytes at a time, each mixed in by a multiplication whose halves are folded.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
    func mix(_ word: UInt64) {
      let product = (hash ^ word).multipliedFullWidth(by: 0x9FB2_1C65_1E98_DF25)
      hash = product.high ^ product.low
    }
    var offset = 0
    while offset + 8 <= bytes.count {
      mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    if offset < bytes.count {
      var word: UInt64 = 0
      // The last eight overlap with those before; fewer than eight in all are put together.
      if bytes.count >= 8 {
        word = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
      } else {
        for byte in bytes { word = word << 8 | UInt64(byte) }
      }
      mix(word)
    }
    return hash
  }
}
