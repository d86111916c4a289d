import CLibPQ

/// The servers that a connection string names, as libpq's lists with commas between.
struct ServerList: Equatable {
  /// One of them, as libpq calls it once it is asked.
  struct Server: Equatable, CustomStringConvertible {
    var host: String
    var port: String
    var description: String { "\(host) port \(port)" }
  }

  private var hosts: [String]
  private var addresses: [String]
  private var ports: [String]

  /// - Parameters: libpq's `host`, `hostaddr` and `port`.
  init(host: String, hostaddr: String, port: String) {
    func list(_ text: String) -> [String] {
      text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    (hosts, addresses, ports) = (list(host), list(hostaddr), list(port))
  }

  /// With the defaults of the environment and a service file.
  init(of connection: LibPQConnection) {
    var values: [String: String] = [:]
    if let options = PQconninfo(connection.raw) {
      defer { PQconninfoFree(options) }
      var option = options
      while let keyword = option.pointee.keyword {
        if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
        option += 1
      }
    }
    self.init(host: values["host"] ?? "", hostaddr: values["hostaddr"] ?? "", port: values["port"] ?? "")
  }

  /// One where none is named.
  var count: Int { max(hosts.count, addresses.count, 1) }

  /// The others; nil when it is the only one, or not among them.
  func without(_ server: Server) -> ServerList? {
    guard count > 1, let index = (0..<count).first(where: { isServer(server, $0) }) else { return nil }
    var others = self
    if !hosts.isEmpty { others.hosts.remove(at: index) }
    if !addresses.isEmpty { others.addresses.remove(at: index) }
    // One port may be that of all.
    if ports.count > 1 { others.ports.remove(at: index) }
    return others
  }

  private func isServer(_ server: Server, _ index: Int) -> Bool {
    func item(_ list: [String]) -> String { list.indices.contains(index) ? list[index] : "" }
    let host = item(hosts).isEmpty ? item(addresses) : item(hosts)
    let port = ports.count == 1 ? ports[0] : item(ports)
    // What is left out is libpq's default.
    return host == server.host && (port.isEmpty || port == server.port)
  }

  /// For a connection string in which they take the place of all.
  var keywords: [(String, String)] {
    [("host", hosts), ("hostaddr", addresses), ("port", ports)].filter { !$0.1.isEmpty }
      .map { ($0.0, $0.1.joined(separator: ",")) }
  }

  /// The one that is being asked.
  static func asked(by connection: LibPQConnection) -> Server {
    Server(
      host: PQhost(connection.raw).map { String(cString: $0) } ?? "",
      port: PQport(connection.raw).map { String(cString: $0) } ?? "")
  }
}
