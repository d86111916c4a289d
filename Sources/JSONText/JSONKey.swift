import ExecutionModel
import Glibc

/// The name of an object's member. Compared in place; only ``string`` makes a copy. Valid during the call that it was
/// given to; keep ``string`` instead.
public struct JSONKey {
  let raw: UnsafeBufferPointer<UInt8>
  let isUTF8: Bool
  private let isEscaped: Bool

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

  public static func == (key: JSONKey, name: StaticString) -> Bool {
    guard !key.isEscaped else { return key.string == name.description }
    return name.withUTF8Buffer { name in
      guard name.count == key.raw.count else { return false }
      guard name.count > 0, let left = name.baseAddress, let right = key.raw.baseAddress else { return true }
      return memcmp(left, right, name.count) == 0
    }
  }

  public static func != (key: JSONKey, name: StaticString) -> Bool { !(key == name) }

  /// For `switch key { case "nodes": … }`.
  public static func ~= (name: StaticString, key: JSONKey) -> Bool { key == name }
}
