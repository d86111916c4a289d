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

  /// Hands an index to `body`. Small ones are kept and used again.
  static func withIndex<R>(source: String, _ body: (StructuralIndex) throws -> R) throws -> R {
    guard let index = Idle.take() ?? StructuralIndex() else {
      throw JSONError(.memory, "no memory is left to read the document", source: source)
    }
    defer { if csimdjson_index_capacity(index.handle) <= Idle.largestKept { Idle.give(index) } }
    return try body(index)
  }

  /// The index of some bytes, valid until the next one.
  func build(_ start: UnsafePointer<UInt8>, count: Int) -> csimdjson_structure {
    csimdjson_index_build(handle, start, count)
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
