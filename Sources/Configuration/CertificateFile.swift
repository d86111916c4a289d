/// A file of certificates that the configuration names (`ca_file`).
public enum CertificateFile {
  private static let limit = 16 << 20
  private static let marks = ["-----BEGIN CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----"]

  /// Why a file cannot serve, in words for the operator; nil when it holds a certificate in PEM format. Whether that is
  /// well formed is found out when it is used. Blocks while the file is read.
  public static func problem(of path: String) -> String? {
    let bytes: [UInt8]
    do { bytes = try SmallFile.read(path, limit: limit).bytes } catch {
      return "`ca_file` \(path): \(error.description)"
    }
    let text = String(decoding: bytes, as: UTF8.self)
    guard !marks.contains(where: text.contains) else { return nil }
    return "`ca_file` \(path) holds no certificate in PEM format"
  }
}
