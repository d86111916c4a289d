import ExecutionModel

/// The configured dbt Cloud accounts, and which of them a reference may mean.
public struct AccountDirectory: Hashable, Sendable {
  /// One configured account.
  public struct Account: Hashable, Sendable {
    /// `dbt_cloud[].name`
    public var name: String
    public var accountID: Int64
    /// Host of `dbt_cloud[].url`, without port.
    public var host: String

    public init(name: String, accountID: Int64, host: String) {
      self.name = name
      self.accountID = accountID
      self.host = host
    }
  }

  /// A dbt run that a reference may mean.
  public struct Target: Hashable, Sendable {
    public var key: DbtRunKey
    /// The configured account; nil when none has that id.
    public var account: Account?
    /// Why the run cannot be asked for.
    public var unresolved: String?
  }

  public var accounts: [Account]

  public init(accounts: [Account]) { self.accounts = accounts }

  /// The runs that `reference` may mean: one when the account is known, one per configured account when it is not.
  /// A configured account is found by its id, and by host where two share an id.
  public func targets(of reference: DbtRunReference) -> [Target] {
    guard let accountID = reference.accountID else {
      return accounts.map { target($0, runID: reference.runID) }
    }
    let sameID = accounts.filter { $0.accountID == accountID }
    if sameID.count == 1 { return [target(sameID[0], runID: reference.runID)] }
    if let match = sameID.first(where: { $0.host == reference.host }) { return [target(match, runID: reference.runID)] }
    let host = reference.host ?? "unknown"
    let key = DbtRunKey.cloud(host: host, accountID: accountID, runID: reference.runID)
    let reason =
      sameID.isEmpty
      ? "dbt Cloud account \(accountID) is not configured: add it to `dbt_cloud`"
      : "several accounts in `dbt_cloud` have the id \(accountID), and none has the host \(host)"
    return [Target(key: key, account: nil, unresolved: reason)]
  }

  private func target(_ account: Account, runID: Int64) -> Target {
    Target(
      key: .cloud(host: account.host, accountID: account.accountID, runID: runID), account: account, unresolved: nil)
  }
}
