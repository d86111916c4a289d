/// What a path of the API stands for.
enum Route: Equatable {
  case runs
  case run(Int64)
  case artifacts(run: Int64)
  case artifact(run: Int64, path: String)
  case job(Int64)
  case project(Int64)
  case environment(Int64)

  /// The account and what is wanted of it; nil for paths that are not played.
  static func read(_ path: String) -> (account: Int64, route: Route)? {
    let parts = path.split(separator: "/").map(String.init)
    guard parts.count >= 5, parts[0] == "api", ["v2", "v3"].contains(parts[1]), parts[2] == "accounts",
      let account = Int64(parts[3])
    else { return nil }
    let rest = Array(parts[4...])
    guard let route = Route(rest, isVersion3: parts[1] == "v3") else { return nil }
    return (account, route)
  }

  private init?(_ parts: [String], isVersion3: Bool) {
    let id = parts.count > 1 ? Int64(parts[1]) : nil
    switch (parts[0], parts.count) {
    case ("runs", 1) where !isVersion3: self = .runs
    case ("runs", 2...) where !isVersion3:
      guard let id else { return nil }
      if parts.count == 2 {
        self = .run(id)
      } else if parts[2] == "artifacts" {
        self = parts.count == 3 ? .artifacts(run: id) : .artifact(run: id, path: parts[3...].joined(separator: "/"))
      } else {
        return nil
      }
    case ("jobs", 2) where !isVersion3: if let id { self = .job(id) } else { return nil }
    case ("projects", 2): if let id { self = .project(id) } else { return nil }
    case ("projects", 4) where parts[2] == "environments":
      if let id = Int64(parts[3]) { self = .environment(id) } else { return nil }
    case ("environments", 2): if let id { self = .environment(id) } else { return nil }
    default: return nil
    }
  }
}
