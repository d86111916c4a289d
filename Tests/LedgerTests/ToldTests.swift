import ExecutionModel
import Testing

@testable import Ledger

struct ToldTests {
  let subject = ExecutionEvent.Subject.dbtRun(.cloud(host: "h", accountID: 1, runID: 2))

  @Test func whatWasToldIsToldAgainTheSame() {
    var told = Told()
    #expect(told.events(about: subject).isEmpty && told.transitions.isEmpty && !told.isUnderWay)
    let start = ExecutionEvent(subject: subject, transition: .start, time: at(1))
    told.note([start], mark: 3)
    #expect(told.events(about: subject) == [start] && told.isUnderWay && told.transitions == [.start])
    let end = ExecutionEvent(subject: subject, transition: .abort, time: at(2))
    told.note([end], mark: 5)
    #expect(told.events(about: subject) == [start, end] && !told.isUnderWay && told.transitions == [.start, .abort])
    #expect(told.events(about: subject, since: 3) == [start, end])
    #expect(told.events(about: subject, since: 4) == [end])
    #expect(told.events(about: subject, since: 6).isEmpty)
  }
}
