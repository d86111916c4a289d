import JSONText

/// What a backend says about each event of a batch (OpenLineage's `/lineage/batch`): which of them failed, and whether
/// they may be sent again.
struct BatchAnswer: Equatable {
  struct Failure: Equatable {
    var reason: String
    var isRetriable: Bool
  }

  /// By position in the batch.
  var failures: [Int: Failure]

  /// nil when the body says nothing about single events, or nothing that can be right: then the status counts for all.
  init?(_ body: [UInt8], events: Int) {
    guard let answer = try? JSONValue(parsing: body), let failed = answer["failed_events"]?.arrayValue else {
      return nil
    }
    if let summary = answer["summary"] {
      if let received = summary["received"]?.integerValue, received != Int64(events) { return nil }
      if let count = summary["failed"]?.integerValue, count != Int64(failed.count) { return nil }
    }
    failures = [:]
    for event in failed {
      guard let index = event["index"]?.integerValue, (0..<Int64(events)).contains(index), failures[Int(index)] == nil
      else { return nil }
      failures[Int(index)] = Failure(
        reason: event["reason"]?.stringValue ?? "no reason given",
        // What nobody promises to take later is put where it is seen.
        isRetriable: event["retriable"]?.boolValue ?? false)
    }
  }
}
