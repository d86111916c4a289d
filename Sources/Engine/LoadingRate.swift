/// How fast something is loaded, as a mean over about the last ten seconds. Pure.
struct LoadingRate {
  private var units = 0.0
  private var seconds = 0.0

  /// Units a second; nil before anything was loaded.
  var perSecond: Double? { seconds > 0 ? units / seconds : nil }

  /// - Parameter time: seconds that it took; pages that take none are lost in those that follow.
  mutating func add(_ count: Int, in time: Double) {
    units += Double(count)
    seconds += max(time, 0)
    guard seconds > 10 else { return }
    units *= 10 / seconds
    seconds = 10
  }
}
