import JSONText

/// What surrounds every answer of the API but artifacts: `{"status": {…}, "data": …, "extra": {…}}`.
struct Envelope<Value> {
  /// `status.code`, the HTTP status once more.
  var code: Int64?
  /// `status.is_success`
  var isSuccess: Bool?
  /// `status.user_message`
  var message: String?
  /// What `data` was read as; nil for null.
  var data: Value?

  /// - Parameter read: reads `data`; called only when it is not null.
  init(_ bytes: [UInt8], source: String, data read: (inout JSONCursor) throws -> Value?) throws {
    let document = JSONDocument(bytes: bytes, source: source)
    var code: Int64?
    var isSuccess: Bool?
    var message: String?
    var data: Value?
    try document.read { cursor in
      try cursor.object { key, value in
        switch key {
        case "status":
          guard value.kind == .object else { return }
          try value.object { key, value in
            switch key {
            case "code": code = try value.optionalInteger()
            case "is_success": isSuccess = try value.optionalBool()
            case "user_message": message = try value.optionalString()
            default: break
            }
          }
        case "data": data = value.kind == .null ? nil : try read(&value)
        default: break
        }
      }
    }
    self.code = code
    self.isSuccess = isSuccess
    self.message = message
    self.data = data
  }
}
