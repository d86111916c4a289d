import CLibPQ

/// Where the columns of the current row lie in libpq's memory. One for a whole result: emptied when the memory goes,
/// so that a row which somebody kept has no columns instead of wild ones.
final class RowFields {
  // Plain memory, and no check of exclusive access: every column of every row passes here. Only the connection's own
  // thread uses this object, and nothing here calls out.
  @exclusivity(unchecked) private var columns: UnsafeMutablePointer<UnsafeRawBufferPointer>
  @exclusivity(unchecked) private var capacity = 32
  /// How many columns the row has.
  @exclusivity(unchecked) private(set) var count = 0
  /// For messages.
  let query: String

  init(query: String) {
    self.query = query
    columns = .allocate(capacity: capacity)
  }

  deinit { columns.deallocate() }

  /// nil for NULL, and for a column that the row does not have.
  subscript(column: Int) -> UnsafeRawBufferPointer? {
    guard column >= 0, column < count else { return nil }
    let bytes = columns[column]
    return bytes.baseAddress == nil ? nil : bytes
  }

  func clear() { count = 0 }

  private func reserve(_ needed: Int) {
    guard needed > capacity else { return }
    columns.deallocate()
    columns = .allocate(capacity: needed)
    capacity = needed
  }

  /// A row of a result in binary format.
  func load(_ result: OpaquePointer, row: Int32) {
    clear()
    let fields = PQnfields(result)
    reserve(Int(fields))
    for column in 0..<fields {
      let isNull = PQgetisnull(result, row, column) != 0
      columns[Int(column)] = UnsafeRawBufferPointer(
        start: isNull ? nil : PQgetvalue(result, row, column),
        count: isNull ? 0 : Int(PQgetlength(result, row, column)))
    }
    count = Int(fields)
  }

  /// One tuple of `COPY … (FORMAT binary)`: a 16-bit count, then each field as a 32-bit length (-1 is NULL) and bytes.
  ///
  /// - Returns: false for the trailer (count -1), which is no row.
  func load(tuple: UnsafeRawBufferPointer) throws(PostgresError) -> Bool {
    clear()
    guard tuple.count >= 2, let start = tuple.baseAddress else { throw malformed }
    let fields = Int(tuple.bigEndian(Int16.self))
    if fields == -1, tuple.count == 2 { return false }
    guard fields >= 0 else { throw malformed }
    reserve(fields)
    var offset = 2
    for column in 0..<fields {
      guard tuple.count - offset >= 4 else { throw malformed }
      let length = Int(tuple.bigEndian(Int32.self, at: offset))
      offset += 4
      if length == -1 {
        columns[column] = UnsafeRawBufferPointer(start: nil, count: 0)
      } else {
        guard length >= 0, tuple.count - offset >= length else { throw malformed }
        columns[column] = UnsafeRawBufferPointer(start: start + offset, count: length)
        offset += length
      }
    }
    guard offset == tuple.count else { throw malformed }
    count = fields
    return true
  }

  /// Length of the header in front of the first tuple: signature, flags, extension.
  func copyHeaderLength(_ message: UnsafeRawBufferPointer) throws(PostgresError) -> Int {
    guard message.count >= 19, message.starts(with: Self.copySignature) else { throw malformed }
    // Bits 16 and above change the format; none that a server sets today.
    guard message.bigEndian(UInt32.self, at: 11) >> 16 == 0 else { throw malformed }
    let length = 19 + Int(message.bigEndian(UInt32.self, at: 15))
    guard length <= message.count else { throw malformed }
    return length
  }

  private static let copySignature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]

  private var malformed: PostgresError { PostgresError(.decode, "broken COPY data", query: query) }
}
