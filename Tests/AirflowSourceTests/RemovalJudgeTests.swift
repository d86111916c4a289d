import ExecutionModel
import Testing

@testable import AirflowSource

@Suite struct RemovalJudgeTests {
  /// Run n of DAG n % dags, started n days after 1970.
  private func runs(_ ids: [Int64], dags: Int64 = 3) -> [MissingRun] {
    ids.map { MissingRun(id: $0, dagID: "dag_\($0 % dags)", startDate: start($0)) }
  }

  private func start(_ id: Int64) -> Instant { Instant(microseconds: id * 86_400_000_000) }

  private func facts(earliest: Int64?) -> RemovalFacts {
    var facts = RemovalFacts()
    facts.earliestStart = earliest.map(start)
    facts.latestStart = earliest.map { start($0 + 30) }
    facts.survivingDAGs = ["dag_0", "dag_1", "dag_2"]
    return facts
  }

  @Test func aRunThatIsNotTheOldestWasDeletedHoweverManyWere() {
    let missing = runs([5, 6, 7, 8, 9])
    #expect(Set(RemovalJudge.judge(missing, facts(earliest: 1)).values) == [.deleted])
  }

  @Test func theOldestThatVanishInBulkAreExpired() {
    let removals = RemovalJudge.judge(runs([1, 2, 3, 4, 20]), facts(earliest: 10))
    #expect(removals == [1: .expired, 2: .expired, 3: .expired, 4: .expired, 20: .deleted])
  }

  /// Nobody cleans what ran today.
  @Test func youngRunsThatVanishTogetherWereDeleted() {
    var facts = facts(earliest: 10)
    facts.latestStart = start(4)
    let removals = RemovalJudge.judge(runs([1, 2, 3, 4]), facts)
    #expect(removals == [1: .deleted, 2: .deleted, 3: .deleted, 4: .deleted])
    facts.latestStart = start(5)
    #expect(RemovalJudge.judge(runs([1, 2, 3, 4]), facts) == [1: .expired, 2: .expired, 3: .expired, 4: .deleted])
  }

  @Test func oneOldRunThatVanishesWasDeleted() {
    #expect(RemovalJudge.judge(runs([1]), facts(earliest: 10)) == [1: .deleted])
    #expect(RemovalJudge.judge(runs([1]), facts(earliest: nil)) == [1: .deleted])
  }

  @Test func whatACleanKeptIsExpiredHoweverYoungAndFew() {
    var facts = facts(earliest: 1)
    facts.archivedIDs = [20]
    #expect(RemovalJudge.judge(runs([20, 21]), facts) == [20: .expired, 21: .deleted])
  }

  @Test func aCleanThatCannotBeReadLeavesFewOldRunsOpen() {
    var facts = facts(earliest: 10)
    facts.hasUnreadableArchive = true
    #expect(RemovalJudge.judge(runs([1, 20]), facts) == [1: .unknown, 20: .deleted])
    #expect(RemovalJudge.judge(runs([1, 2, 3]), facts)[2] == .expired)
  }

  @Test func aWholeDAGThatVanishesWasDeletedEvenIfItWasTheOldest() {
    var facts = facts(earliest: 10)
    facts.survivingDAGs = []
    #expect(Set(RemovalJudge.judge(runs([1, 2, 3, 4], dags: 1), facts).values) == [.deleted])
    #expect(Set(RemovalJudge.judge(runs([1, 2, 3, 4], dags: 2), facts).values) == [.expired])
  }

  @Test func anEmptyDatabaseTellsNothing() {
    var facts = facts(earliest: nil)
    facts.hasRuns = false
    facts.survivingDAGs = []
    #expect(Set(RemovalJudge.judge(runs([1, 2, 3, 4]), facts).values) == [.unknown])
  }

  @Test func aRunThatNeverStartedIsNotExpired() {
    var missing = runs([1, 2, 3, 4])
    missing[0].startDate = nil
    let removals = RemovalJudge.judge(missing, facts(earliest: 10))
    #expect(removals[1] == .deleted)
    #expect(removals[2] == .expired)
  }

  @Test func aReplicaIsNeverBelieved() {
    var facts = facts(earliest: 10)
    facts.isReplica = true
    facts.archivedIDs = [1]
    #expect(RemovalJudge.judge(runs([1, 2, 3, 4]), facts) == [:])
  }
}
