/// Paths of the Administrative API, v2 except where said. Every path but that of an artifact ends in a slash: without
/// it the server answers with a redirect.
struct Endpoint: Hashable, Sendable {
  var path: String
  var query: [(name: String, value: String)] = []

  static func == (left: Endpoint, right: Endpoint) -> Bool { left.text == right.text }
  func hash(into hasher: inout Hasher) { hasher.combine(text) }

  /// Path and query, encoded.
  var text: String {
    guard !query.isEmpty else { return path }
    return path + "?" + query.map { "\($0.name)=\(Self.encoded($0.value))" }.joined(separator: "&")
  }

  static func run(account: Int64, run: Int64) -> Endpoint {
    // The list in JSON is the form of the public documentation; without `debug_logs` logs come shortened.
    Endpoint(
      path: "/api/v2/accounts/\(account)/runs/\(run)/",
      query: [("include_related", #"["trigger","job","environment","run_steps"]"#)])
  }

  /// Which page of a list.
  enum Page: Hashable {
    /// By growing id, those above one.
    case after(Int64?)
    /// By falling id.
    case newest(offset: Int)
  }

  static func runs(account: Int64, filter: DbtRunFilter, page: Page, limit: Int) -> Endpoint {
    var endpoint = Endpoint(path: "/api/v2/accounts/\(account)/runs/")
    if let job = filter.jobID { endpoint.query.append(("job_definition_id", String(job))) }
    if !filter.statusCodes.isEmpty {
      endpoint.query.append(("status__in", "[\(filter.statusCodes.map(String.init).joined(separator: ", "))]"))
    }
    if let from = filter.createdFrom, let to = filter.createdTo {
      endpoint.query.append(("created_at__range", #"["\#(from.rfc3339)","\#(to.rfc3339)"]"#))
    }
    switch page {
    case .after(let id):
      if let id { endpoint.query.append(("id__gt", String(id))) }
      endpoint.query.append(("order_by", "id"))
    case .newest(let offset):
      endpoint.query.append(("order_by", "-id"))
      if offset > 0 { endpoint.query.append(("offset", String(offset))) }
    }
    endpoint.query += [("limit", String(limit)), ("include_related", #"["trigger","job"]"#)]
    return endpoint
  }

  static func artifact(account: Int64, run: Int64, step: Int, name: String) -> Endpoint {
    let path = name.split(separator: "/").map { encoded(String($0)) }.joined(separator: "/")
    return Endpoint(
      path: "/api/v2/accounts/\(account)/runs/\(run)/artifacts/\(path)", query: [("step", String(step))])
  }

  /// v3, as the public description of v3 has it.
  static func project(account: Int64, project: Int64) -> Endpoint {
    Endpoint(path: "/api/v3/accounts/\(account)/projects/\(project)/")
  }

  /// RFC 3986: everything but unreserved characters.
  static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        encoded.append("%")
        encoded.append(digits[Int(byte >> 4)])
        encoded.append(digits[Int(byte & 15)])
      }
    }
    return encoded
  }
}
