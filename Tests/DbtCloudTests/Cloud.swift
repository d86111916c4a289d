import DbtCloudStandIn
import ExecutionModel
import HTTPClient
import LoopbackHTTP
import Synchronization
import TestServers

@testable import DbtCloud

/// A clock that only the test and the client's own waiting move.
final class TestClock: Sendable {
  private let state = Mutex((now: Int64(1_795_219_569_000_000), slept: [Double]()))

  var clock: DbtCloudClock {
    DbtCloudClock(
      now: { Instant(microseconds: self.state.withLock { $0.now }) },
      sleep: { seconds in
        self.state.withLock {
          $0.slept.append(seconds)
          $0.now += Int64((seconds * 1e6).rounded(.up))
        }
      })
  }

  var now: Instant { Instant(microseconds: state.withLock { $0.now }) }
  /// Every wait so far.
  var slept: [Double] { state.withLock { $0.slept } }

  func advance(_ seconds: Double) { state.withLock { $0.now += Int64(seconds * 1e6) } }
}

/// A token that a test can change, counting how often it is read.
final class TestToken: Sendable {
  private let state: Mutex<(value: String, reads: Int)>

  init(_ value: String) { state = Mutex((value, 0)) }

  var reads: Int { state.withLock { $0.reads } }

  func change(to value: String) { state.withLock { $0.value = value } }

  @Sendable func read() throws -> String {
    state.withLock {
      $0.reads += 1
      return $0.value
    }
  }
}

/// The stand-in behind a real socket, and clients for it.
struct Cloud {
  let standIn: StandIn
  let server: LoopbackServer
  let clock = TestClock()
  let folder: TemporaryFolder
  private let pool = HTTPPool(name: "test", lanes: 2)

  static let account: Int64 = 1001
  static let created = Instant(microseconds: 1_795_219_569_765_308)

  init(runs: [StandInRun] = [StandInRun(accountID: Self.account, runID: 7, createdAt: Self.created)]) throws {
    standIn = StandIn(runs: runs)
    server = try standIn.serve()
    folder = try TemporaryFolder()
  }

  var url: String { "http://127.0.0.1:\(server.port)" }

  func client(
    _ account: Int64 = Self.account, token: TestToken = TestToken("secret-1001"),
    limits: DbtCloudClient.Limits = .init(),
    requestsPerSecond: Double = 1000, burst: Int = 1000
  ) throws -> DbtCloudClient {
    let account = try DbtCloudAccount(
      name: "analytics", accountID: account, url: url, token: token.read, requestsPerSecond: requestsPerSecond,
      burst: burst)
    let pool = pool
    return DbtCloudClient(account: account, limits: limits, clock: clock.clock) { try await pool.send($0) }
  }

  /// Two dbt steps: `dbt build` that failed, then `dbt docs generate`.
  func addArtifacts(_ outcome: StandInRun.Outcome = .success) throws {
    for name in ["1.12-postgres/07_build", "1.12-postgres/08_docs_generate"] {
      guard let folder = ArtifactFolder(path: Fixtures.path("dbt/\(name)")) else {
        throw TestServerError("no artifacts \(name)")
      }
      standIn.addArtifacts(folder, outcome: outcome)
    }
  }
}
