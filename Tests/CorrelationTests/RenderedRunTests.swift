import ExecutionModel
import Testing

@testable import Correlation

@Suite struct RenderedRunTests {
  private static let examples: [(String, Int64?, Int64?)] = [
    (#"{"run_id": 50019002, "account_id": null}"#, 50_019_002, nil),
    (#"{"run_id": "50019002", "account_id": "42"}"#, 50_019_002, 42),
    (#"{"run_id": "***"}"#, nil, nil), (#"{"run_id": "{{ ti.xcom_pull() }}"}"#, nil, nil),
    (#"{"run_id": null}"#, nil, nil),
    (#"{"run_id": "None", "account_id": 42}"#, nil, 42),
    (#"{"run_id": "manual__2026-01-01T00:00:00+00:00"}"#, nil, nil),
    ("{}", nil, nil), ("[]", nil, nil), ("nonsense", nil, nil),
  ]

  @Test(arguments: examples) func aNumberOrDigitsNameARun(_ example: (json: String, run: Int64?, account: Int64?)) {
    let fields = RenderedRun(rendered(example.json))
    #expect(fields.run?.run?.runID == example.run)
    #expect(fields.accountID == example.account)
  }
}
