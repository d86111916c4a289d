import DbtCloud
import Dispatch
import ExecutionModel
import HTTPClient

/// An answer of dbt Cloud: a byte that chooses the call, one that chooses the status, and the body.
enum AnswersTarget {
  private static let statuses = [200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 429, 500, 503]
  private static let run: Int64 = 7001
  private static let token = "secret-token-of-the-fuzzer"

  static func run(_ input: [UInt8]) {
    guard input.count >= 2 else { return }
    let call = input[0] % 5
    let answer = HTTPResponse(
      status: statuses[Int(input[1]) % statuses.count], headers: [(name: "Retry-After", value: "7")],
      body: Array(input[2...]))
    let isDone = DispatchSemaphore(value: 0)
    // libFuzzer's thread is none of those that tasks run on.
    Task.detached {
      await read(answer, call)
      isDone.signal()
    }
    isDone.wait()
  }

  private static func read(_ answer: HTTPResponse, _ call: UInt8) async {
    do {
      let account = try DbtCloudAccount(
        name: "fuzz", accountID: 1001, url: "http://127.0.0.1:1", token: { token }, requestsPerSecond: 10_000,
        burst: 10_000)
      let now = Instant(microseconds: 1_795_219_569_000_000)
      let client = DbtCloudClient(account: account, clock: DbtCloudClock(now: { now }, sleep: { _ in })) { _ in answer }
      switch call {
      case 0:
        let head = try await client.head(of: run)
        must(head.run.runID == run && !head.run.status.isEmpty, "a run has its id and a status")
        let indexes = head.run.steps.map(\.index)
        must(indexes == indexes.sorted(), "steps are in order")
      case 1: _ = try await client.run(run)
      case 2:
        let page = try await client.runs(after: 6000)
        must(page.runs.allSatisfy { $0.runID != nil }, "a run has its id")
        if let next = page.next { must(next > 6000, "pages go on") }
      case 3:
        let ids = try await client.newestRuns().compactMap(\.runID)
        must(zip(ids, ids.dropFirst()).allSatisfy { $0 > $1 }, "the newest runs come first")
      default:
        let project = try await client.project(70)
        must(!hasToken(project.problem ?? ""), "an error holds no token")
      }
    } catch let error as DbtCloudError {
      must(!error.description.isEmpty, "an error says what happened")
      must(!hasToken(error.description), "an error holds no token")
    } catch {
      must(false, "an error of dbt Cloud is a DbtCloudError: \(error)")
    }
  }

  /// By bytes: as characters, a letter and a mark after it are another letter.
  private static func hasToken(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: token.utf8) }
  }
}
