/// How long to wait after failures in a row: doubling from `first` to `longest` seconds, spread by a random part so that
/// many syncers do not come back at the same moment.
public struct Backoff: Hashable, Sendable {
  public var first: Double
  public var longest: Double

  public init(first: Double = 1, longest: Double = 300) {
    self.first = first
    self.longest = longest
  }

  /// Seconds before the next try.
  /// - Parameters:
  ///   - failures: failures in a row, this one included; at least 1.
  ///   - random: 0 ..< 1; the wait lies between half and the whole of the doubled time.
  public func seconds(failures: Int, random: Double) -> Double {
    let doublings = min(max(failures, 1) - 1, 30)
    let whole = min(longest, first * Double(1 << doublings))
    return whole / 2 + whole / 2 * random
  }
}
