import Storage
import Synchronization

/// How much may wait for a sink.
public struct OutboxLimits: Hashable, Sendable {
  /// Of items in the outbox and their bodies; nil for no limit.
  public var bytes: Int64?
  /// Seconds that the oldest item may wait; nil for no limit.
  public var age: Double?

  public init(bytes: Int64? = nil, age: Double? = nil) {
    self.bytes = bytes
    self.age = age
  }
}

/// How much waits for one sink: counted once when the sink is registered, and then kept up by what each transaction puts
/// into the outbox and takes out of it, so that nobody has to count a million rows. What others change meanwhile is seen
/// when it is counted anew. All meters are equal: a meter is no property of a sink.
final class OutboxMeter: Sendable, Hashable {
  /// Of a row without its body, with what the indexes take.
  static let bytesOfItem: Int64 = 200

  struct Amount: Hashable, Sendable {
    var items: Int64 = 0
    /// Of bodies and of answers that were kept.
    var bodies: Int64 = 0

    var bytes: Int64 { max(0, items * OutboxMeter.bytesOfItem + bodies) }
  }

  private struct State {
    var kept = Amount()
    var pending = Amount()
  }

  private let state = Mutex(State())

  /// What the last transaction left.
  var amount: Amount { state.withLock { $0.kept } }

  /// Notes what the transaction under way changes.
  func add(items: Int64 = 0, bodies: Int64 = 0) {
    state.withLock {
      $0.pending.items += items
      $0.pending.bodies += bodies
    }
  }

  /// The transaction has ended.
  func end(isKept: Bool) {
    state.withLock {
      if isKept {
        $0.kept.items += $0.pending.items
        $0.kept.bodies += $0.pending.bodies
      }
      $0.pending = Amount()
    }
  }

  /// Counts all of it.
  func count(ofSink sink: Int64, in database: any Database) throws {
    let amount = try database.prepare(Self.selectAmount).binding { $0(sink) }.firstRow {
      Amount(items: $0.integer(0), bodies: $0.integer(1))
    }
    // Whatever the transaction under way has changed so far is in it.
    state.withLock { $0 = State(kept: amount ?? Amount()) }
  }

  private static let selectAmount = SQL(
    "SELECT count(*), coalesce(sum(coalesce(length(body), 0) + coalesce(length(answer), 0)), 0) FROM outbox WHERE sink = ?"
  )

  static func == (_: OutboxMeter, _: OutboxMeter) -> Bool { true }
  func hash(into _: inout Hasher) {}
}
