import Postgres
import Testing

@testable import AirflowSource

@Suite struct PageSizeTests {
  private let timeout = AirflowSourceError(
    instance: "prod", reading: PostgresError(.server, "canceling statement due to statement timeout", sqlState: "57014")
  )

  @Test func aSlowDatabaseIsAskedForHalfUntilOneRunIsLeft() {
    var size = PageSize(maximum: 500)
    var seen: [Int] = [size.current]
    while size.shrink(after: timeout) { seen.append(size.current) }
    #expect(seen == [500, 250, 125, 62, 31, 15, 7, 3, 1])
    #expect(size.current == 1)
    let deadline = AirflowSourceError(instance: "prod", reading: PostgresError(.deadline, "x"))
    size = PageSize(maximum: 500)
    let mayHelp = size.shrink(after: deadline)
    #expect(mayHelp && size.current == 250)
  }

  @Test(arguments: ["40P01", "57P01", "42703", "53300"]) func otherErrorsAreNoReasonToAskForLess(_ state: String) {
    var size = PageSize(maximum: 500)
    let error = AirflowSourceError(instance: "prod", reading: PostgresError(.server, "x", sqlState: state))
    let mayHelp = size.shrink(after: error)
    #expect(!mayHelp && size.current == 500)
  }

  @Test(arguments: [1, 2, 31, 500, 10_000]) func whatWentWellGrowsItBackSlowlyAndNoFurther(_ maximum: Int) {
    var size = PageSize(maximum: maximum)
    while size.shrink(after: timeout) {}
    var pages = 0
    while size.current < maximum {
      let before = size.current
      size.grow()
      #expect(size.current > before && size.current - before <= max(1, maximum / 32))
      pages += 1
    }
    #expect(pages >= min(maximum - 1, 20))
    size.grow()
    #expect(size.current == maximum)
  }

  @Test func aPageHasAtLeastOneRun() { #expect(PageSize(maximum: 0).current == 1) }
}
