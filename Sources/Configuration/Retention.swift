/// How long delivered history is kept: the value of `retention`.
public struct Retention: Sendable, Hashable {
  /// nil: for good.
  public var length: Duration?

  public init(length: Duration?) { self.length = length }

  /// No more history is loaded than is kept.
  func limiting(_ backfill: Backfill) -> Backfill {
    guard let length else { return backfill }
    return switch backfill {
    case .all: .last(length)
    case .none: .none
    case .last(let wanted): .last(min(wanted, length))
    }
  }
}
