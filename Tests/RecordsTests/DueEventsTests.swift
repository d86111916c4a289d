import ExecutionModel
import Testing

@testable import Records

struct DueEventsTests {
  let subject = ExecutionEvent.Subject.dbtRun(.cloud(host: "h", accountID: 1, runID: 2))

  @Test func nothingIsNoEvent() {
    #expect(DueEvents().count == 0)
    #expect(DueEvents().events(about: subject).isEmpty)
  }

  @Test func theStartComesBeforeTheEnd() {
    let due = DueEvents(start: Instant(microseconds: 1), end: .init(transition: .fail, time: Instant(microseconds: 2)))
    #expect(due.count == 2)
    #expect(
      due.events(about: subject) == [
        ExecutionEvent(subject: subject, transition: .start, time: Instant(microseconds: 1)),
        ExecutionEvent(subject: subject, transition: .fail, time: Instant(microseconds: 2)),
      ])
  }

  @Test func anEndMayBeAllThatIsDue() {
    let due = DueEvents(end: .init(transition: .abort, time: Instant(microseconds: 2)))
    #expect(due.count == 1)
    #expect(due.events(about: subject).map(\.transition) == [.abort])
  }
}
