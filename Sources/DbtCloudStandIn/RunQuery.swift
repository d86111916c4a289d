import ExecutionModel

/// The query of `GET …/runs/`: filters, order and page.
struct RunQuery {
  /// A parameter that the API answers with 400.
  struct Refusal: Error {
    var message: String
  }

  var jobID: Int64?
  var statuses: Set<Int64>?
  var idAfter: Int64?
  var created: ClosedRange<Instant>?
  var order = "id"
  var limit = 100
  var offset = 0
  var related: Set<RunDocument.Related> = []

  init(_ query: [(String, String)]) throws(Refusal) {
    for (name, value) in query {
      switch name {
      case "job_definition_id": jobID = try Self.integer(name, value)
      case "status": statuses = [try Self.integer(name, value)]
      case "status__in":
        var codes = statuses ?? []
        for item in Self.items(value) { codes.insert(try Self.integer(name, item)) }
        statuses = codes
      case "id__gt": idAfter = try Self.integer(name, value)
      case "created_at__range":
        let times = Self.items(value).compactMap { Instant($0) }
        guard times.count == 2, times[0] <= times[1] else { throw Refusal(message: "created_at__range: two times") }
        created = times[0]...times[1]
      case "order_by":
        guard ["id", "created_at", "finished_at"].contains(value.hasPrefix("-") ? String(value.dropFirst()) : value)
        else { throw Refusal(message: "order_by: \(value)") }
        order = value
      case "limit":
        limit = Int(try Self.integer(name, value))
        guard (1...100).contains(limit) else { throw Refusal(message: "limit must be at most 100") }
      case "offset":
        offset = Int(try Self.integer(name, value))
        guard offset >= 0 else { throw Refusal(message: "offset must not be negative") }
      case "include_related": related.formUnion(RunDocument.Related.read(value))
      default: break
      }
    }
  }

  func matches(_ run: StandInRun, status: Int64) -> Bool {
    (jobID ?? run.jobID) == run.jobID && statuses.map { $0.contains(status) } ?? true
      && idAfter.map { run.runID > $0 } ?? true && created.map { $0.contains(run.createdAt) } ?? true
  }

  /// Runs without an end come last in ascending order, as nulls do in Postgres.
  func isBefore(_ left: (StandInRun, RunTimeline), _ right: (StandInRun, RunTimeline)) -> Bool {
    let key: (StandInRun, RunTimeline) -> (Int64, Int64) =
      switch order.hasPrefix("-") ? String(order.dropFirst()) : order {
      case "created_at": { run, _ in (run.createdAt.microseconds, run.runID) }
      case "finished_at": { run, line in (line.finishedAt?.microseconds ?? .max, run.runID) }
      default: { run, _ in (run.runID, 0) }
      }
    let (a, b) = (key(left.0, left.1), key(right.0, right.1))
    return order.hasPrefix("-") ? b < a : a < b
  }

  private static func integer(_ name: String, _ text: String) throws(Refusal) -> Int64 {
    guard let value = Int64(text.filter { $0 != " " }) else { throw Refusal(message: "\(name): a whole number") }
    return value
  }

  /// `[1, 2]`, `["a","b"]` and `1,2`.
  private static func items(_ text: String) -> [String] {
    text.split(separator: ",").map { item in
      String(item.drop { " [\"".contains($0) }.reversed().drop { " ]\"".contains($0) }.reversed())
    }.filter { !$0.isEmpty }
  }
}
