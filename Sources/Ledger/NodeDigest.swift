import CCrypto
import ExecutionModel

/// Knows the facts of a node again: the same facts have the same digest, others have another one. Its buffer serves for
/// one node after the other.
struct NodeDigest {
  /// 16 of SHA-256's bytes: more than enough to tell nodes apart, whoever wrote them.
  static let length = 16

  private var bytes: [UInt8] = []

  /// nil when the library refuses to compute it.
  /// - Parameters:
  ///   - columns: those of the node as they stand in its row.
  ///   - meta: that of the node as it stands in its row.
  mutating func digest(of node: DbtNode, columns: String?, meta: String?) -> [UInt8]? {
    bytes.removeAll(keepingCapacity: true)
    append(node.uniqueID)
    append(node.resourceType)
    append(node.name)
    append(node.package)
    append(node.path)
    append(node.owner)
    append(node.group)
    append(node.tags)
    append(node.relation)
    append(node.database)
    append(node.schema)
    append(node.alias)
    append(node.materialized)
    append(node.dependsOn)
    append(node.attachedNode)
    append(node.column)
    append(node.test)
    append(node.severity)
    append(node.warnIf)
    append(node.errorIf)
    append(node.description)
    append(columns)
    append(meta)
    append(node.sql)
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var written: UInt32 = 0
    guard EVP_Digest(bytes, bytes.count, &result, &written, EVP_sha256(), nil) == 1, written >= Self.length else {
      return nil
    }
    return Array(result.prefix(Self.length))
  }

  /// Each text after its length, so that no two lists of facts are the same bytes.
  private mutating func append(_ text: String?) {
    guard let text else { return append(-1) }
    append(text.utf8.count)
    if text.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
      bytes.append(contentsOf: text.utf8)
    }
  }

  private mutating func append(_ list: [String]) {
    append(list.count)
    for text in list { append(text) }
  }

  private mutating func append(_ number: Int) {
    withUnsafeBytes(of: Int64(number).littleEndian) { bytes.append(contentsOf: $0) }
  }
}
