import ExecutionModel
import Ledger
import Testing

struct AccountDirectoryTests {
  let twin = AccountDirectory.Account(name: "twin", accountID: 4433, host: "twin.dbt.com")

  @Test func anAccountIsFoundByItsIDWhateverTheHost() {
    let directory = AccountDirectory(accounts: [one, two])
    let targets = directory.targets(of: DbtRunReference(host: "cloud.getdbt.com", accountID: 4433, runID: 71))
    #expect(targets.map(\.account) == [one] && targets.map(\.unresolved) == [nil])
    #expect(targets.map(\.key) == [.cloud(host: "one.dbt.com", accountID: 4433, runID: 71)])
  }

  @Test func theHostDecidesWhereTwoAccountsShareAnID() {
    let directory = AccountDirectory(accounts: [one, twin])
    let known = directory.targets(of: DbtRunReference(host: "twin.dbt.com", accountID: 4433, runID: 71))
    #expect(known.map(\.account) == [twin])
    let unknown = directory.targets(of: DbtRunReference(host: "else.dbt.com", accountID: 4433, runID: 71))
    #expect(unknown.count == 1 && unknown[0].account == nil && unknown[0].unresolved != nil)
  }

  @Test func withoutAnAccountEveryOneMayBeMeant() {
    #expect(
      AccountDirectory(accounts: [one, two]).targets(of: DbtRunReference(runID: 71)).map(\.account) == [one, two])
    #expect(AccountDirectory(accounts: []).targets(of: DbtRunReference(runID: 71)).isEmpty)
  }

  @Test func anAccountThatIsNotConfiguredKeepsItsKeyAndAReason() {
    let targets = AccountDirectory(accounts: [two]).targets(of: DbtRunReference(accountID: 4433, runID: 71))
    #expect(targets.map(\.key) == [.cloud(host: "unknown", accountID: 4433, runID: 71)])
    #expect(targets.map(\.unresolved) == ["dbt Cloud account 4433 is not configured: add it to `dbt_cloud`"])
  }
}
