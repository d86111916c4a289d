/// The key that a backend knows an event again by, sent as `Idempotency-Key`. It is made of the bytes that are sent: the
/// same bytes have the same key, today and after a restart or a replay, and other bytes have another.
public enum EventKey {
  /// SHA-256 of the body before it is compressed, as 64 hexadecimal digits.
  /// - Throws: ``LineageError`` when the system's library refuses to compute it.
  public static func of(_ body: [UInt8]) throws(LineageError) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let digest = try Digest.sha256(body)
    return String(unsafeUninitializedCapacity: 2 * digest.count) { text in
      for (index, byte) in digest.enumerated() {
        text[2 * index] = digits[Int(byte >> 4)]
        text[2 * index + 1] = digits[Int(byte & 15)]
      }
      return 2 * digest.count
    }
  }
}
