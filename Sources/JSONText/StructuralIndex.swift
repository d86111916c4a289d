import CSimdjson
import Synchronization

/// simdjson's index of a document: where each bracket, comma, colon and scalar starts. Used by one reader at a time.
final class StructuralIndex {
  private let handle: OpaquePointer

  private init?() {
    guard let handle = csimdjson_index_create() else { return nil }
    self.handle = handle
  }

  deinit { csimdjson_index_free(handle) }

  /// Indexes the bytes and hands the index to `body`. Small indexes are kept and used again.
  static func withIndex<R>(
    of bytes: UnsafeBufferPointer<UInt8>, source: String, _ body: (csimdjson_structure) throws -> R
  ) throws -> R {
    guard let start = bytes.baseAddress, bytes.count > 0 else {
      throw JSONError(.truncated, "the text is empty where a JSON document was expected", source: source)
    }
    guard let index = Idle.take() ?? StructuralIndex() else {
      throw JSONError(.memory, "no memory is left to read the document", source: source)
    }
    defer { if csimdjson_index_capacity(index.handle) <= Idle.largestKept { Idle.give(index) } }
    return try body(csimdjson_index_build(index.handle, start, bytes.count))
  }

  private enum Idle {
    /// Bytes of document; an index has four bytes for each.
    static let largestKept = 1 << 18
    private static let most = 8
    private static let indexes = Mutex<[Kept]>([])

    // An index in here has no other user.
    private struct Kept: @unchecked Sendable { let index: StructuralIndex }

    static func take() -> StructuralIndex? { indexes.withLock { $0.popLast() }?.index }

    static func give(_ index: StructuralIndex) {
      let kept = Kept(index: index)
      indexes.withLock { if $0.count < most { $0.append(kept) } }
    }
  }
}
