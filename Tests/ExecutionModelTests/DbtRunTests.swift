import ExecutionModel
import Testing

@Suite struct DbtRunTests {
  @Test(arguments: [
    DbtRunKey.cloud(host: "ab123.us1.dbt.com", accountID: 4433, runID: 70_471_883_265_346),
    .cloud(host: "h", accountID: .max, runID: .min), .core(name: "nightly", invocationID: "8d0f…/with/slashes"),
    .core(name: "n", invocationID: "x"),
  ]) func aKeyReadsBackAsItIsWritten(key: DbtRunKey) {
    #expect(DbtRunKey(key.description) == key)
  }

  @Test func theFormIsThatOfTheRecord() {
    #expect(DbtRunKey.cloud(host: "h.dbt.com", accountID: 1, runID: 2).description == "cloud/h.dbt.com/1/2")
    #expect(DbtRunKey.core(name: "n", invocationID: "i").description == "core/n/i")
  }

  @Test(arguments: [
    "", "cloud", "cloud/", "cloud/h", "cloud/h/1", "cloud/h/1/", "cloud//1/2", "cloud/h/x/2", "cloud/h/1/2x",
    "cloud/h/1/2/3", "cloud/h/1/9223372036854775808", "cloud/h/+1/2", "cloud/h/01/2", "cloud/h/1/-0", "core/n",
    "core/n/", "core//i", "other/n/i", "Cloud/h/1/2", " cloud/h/1/2", "prod/dag/run",
  ]) func anythingElseIsNoKey(text: String) {
    #expect(DbtRunKey(text) == nil)
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func whatIsReadIsWrittenAlike(seed: UInt64) {
    var random = Seeded(seed)
    let pieces = ["cloud", "core", "/", "/", "/", "h", "1", "2", "-", "+", "0", "x"]
    for _ in 0..<10_000 {
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      guard let key = DbtRunKey(text) else { continue }
      #expect(key.description == text, "seed \(seed): \(text)")
    }
  }

  @Test(arguments: [
    (1, "queued"), (2, "starting"), (3, "running"), (10, "success"), (20, "error"), (30, "cancelled"), (99, "99"),
    (-1, "-1"),
  ])
  func anUnknownStatusIsKeptAsItsNumber(code: Int, name: String) {
    #expect(DbtRun.statusName(code: code) == name)
  }
}
