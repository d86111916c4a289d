import ExecutionModel
import Glibc

/// The name of an object's member. Compared in place; only ``string`` makes a copy. Valid during the call that it was
/// given to; keep ``string`` instead.
public struct JSONKey {
  @usableFromInline let raw: UnsafeBufferPointer<UInt8>
  @usableFromInline let isEscaped: Bool
  let isUTF8: Bool

  init(raw: UnsafeBufferPointer<UInt8>, isUTF8: Bool) {
    self.raw = raw
    self.isUTF8 = isUTF8
    var isEscaped = false
    for byte in raw where byte == UInt8(ascii: "\\") {
      isEscaped = true
      break
    }
    self.isEscaped = isEscaped
  }

  /// The name as text. Bytes that are none are kept as ``Swift/String/init(lossless:)`` keeps them, an invalid escape
  /// as it stands.
  public var string: String {
    (try? JSONStringText.decode(raw, isUTF8: isUTF8, isStrict: false)) ?? String(lossless: raw)
  }

  /// The name as text, from a pool.
  public func string(_ pool: inout TextPool) -> String {
    JSONStringText.pooled(raw, isStrict: false, &pool) ?? string
  }

  // Inlinable: of the twenty names that a member is compared with, nearly all differ in their length, which then is a
  // constant of the caller.
  @inlinable @inline(__always)
  public static func == (key: JSONKey, name: StaticString) -> Bool {
    guard !key.isEscaped else { return key.string == name.description }
    let count = name.utf8CodeUnitCount
    return key.raw.count == count && key.starts(with: name.utf8Start, count: count)
  }

  @usableFromInline func starts(with bytes: UnsafePointer<UInt8>, count: Int) -> Bool {
    guard let start = raw.baseAddress else { return true }
    return memcmp(bytes, start, count) == 0
  }

  @inlinable
  public static func != (key: JSONKey, name: StaticString) -> Bool { !(key == name) }

  /// For `switch key { case "nodes": … }`.
  @inlinable @inline(__always)
  public static func ~= (name: StaticString, key: JSONKey) -> Bool { key == name }
}
