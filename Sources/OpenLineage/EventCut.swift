import JSONText

/// What may be left out of an event that is too large for a backend, in the order in which it goes. What an event is
/// about, how it ended, its parent and what its tests found always stay.
public enum EventCut: String, Hashable, Sendable, CaseIterable {
  /// Compiled SQL of dbt's nodes and tests.
  case sql
  /// Descriptions of DAGs, tables, columns and tests.
  case documentation
  /// Tags, dbt's `meta`, and the states of a DAG run's tasks one by one.
  case tags
  /// Columns of inputs and outputs.
  case schema
  /// Whatever else is said of inputs and outputs; their names stay.
  case datasets
  /// What follows the first 1,000 characters of an error message.
  case messages
}

extension LineageEncoder {
  /// The same encoder, leaving something out.
  /// - Parameter isMarked: whether the event says what was left out.
  public func leavingOut(_ cuts: Set<EventCut>, isMarked: Bool = true) -> LineageEncoder {
    var encoder = self
    encoder.cuts = cuts
    encoder.isMarked = isMarked
    return encoder
  }

  func has(_ cut: EventCut) -> Bool { cuts.contains(cut) }

  /// A run facet that tells what is missing, in an event that was cut.
  func cutMark(_ writer: inout JSONWriter) {
    guard isMarked, !cuts.isEmpty else { return }
    writer.facet(.cut, producer: producer) { writer in
      writer.key("cut")
      writer.array { writer in
        for cut in EventCut.allCases where cuts.contains(cut) { writer.string(cut.rawValue) }
      }
    }
  }

  func cutMessage(_ message: String) -> String {
    has(.messages) && message.count > 1000 ? message.prefix(1000) + "…" : message
  }
}
