import CCrypto

/// The digests that run ids and the keys of events are made with. None protects anything here.
enum Digest {
  /// 20 bytes.
  static func sha1(_ bytes: [UInt8]) throws(LineageError) -> [UInt8] {
    try digest(bytes, "SHA-1", EVP_sha1(), length: 20)
  }

  /// 16 bytes.
  static func md5(_ bytes: [UInt8]) throws(LineageError) -> [UInt8] {
    try digest(bytes, "MD5", EVP_md5(), length: 16)
  }

  /// 32 bytes.
  static func sha256(_ bytes: [UInt8]) throws(LineageError) -> [UInt8] {
    try digest(bytes, "SHA-256", EVP_sha256(), length: 32)
  }

  private static func digest(
    _ bytes: [UInt8], _ name: String, _ algorithm: OpaquePointer?, length: Int
  ) throws(LineageError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var written: UInt32 = 0
    let status = EVP_Digest(bytes, bytes.count, &result, &written, algorithm, nil)
    guard status == 1, Int(written) == length else { throw .digestUnavailable(name) }
    return Array(result.prefix(length))
  }
}
