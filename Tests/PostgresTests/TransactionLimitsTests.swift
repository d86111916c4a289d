import Postgres
import Testing

@Suite struct TransactionLimitsTests {
  @Test func theDefaultsLeaveTheServerTheFirstWord() {
    let limits = TransactionLimits()
    #expect(limits.statementTimeout == 30_000 && limits.lockTimeout == 100 && limits.deadline == 60)
    #expect(Double(limits.statementTimeout) / 1000 < limits.deadline)
  }
}
