import Correlation
import ExecutionModel
import Testing

@Suite struct RunURLTests {
  private static func run(_ host: String, _ account: Int64, _ project: Int64?, _ run: Int64) -> DbtRunReference {
    DbtRunReference(host: host, accountID: account, projectID: project, runID: run)
  }

  private static let wellFormed: [(String, DbtRunReference)] = [
    (
      "https://ab123.us1.dbt.com/deploy/4433/projects/5/runs/70471883265346/",
      run("ab123.us1.dbt.com", 4433, 5, 70_471_883_265_346)
    ),
    (
      "https://ab123.us1.dbt.com/deploy/4433/projects/5/runs/70471883265346",
      run("ab123.us1.dbt.com", 4433, 5, 70_471_883_265_346)
    ),
    ("https://cloud.getdbt.com/#/accounts/1/projects/2/runs/3/", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://cloud.getdbt.com/#/accounts/1/projects/2/runs/3", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://cloud.getdbt.com/next/deploy/1/projects/2/runs/3", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://cloud.getdbt.com/deploy/1/projects/2/runs/3?utm=x&y=/deploy/9", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://cloud.getdbt.com/#/accounts/1/projects/2/runs/3/?tab=steps", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://cloud.getdbt.com/deploy/1/projects/2/runs/3/steps/4#log", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://cloud.getdbt.com/api/v2/accounts/1/runs/3/", run("cloud.getdbt.com", 1, nil, 3)),
    (
      "https://cloud.getdbt.com/api/v2/accounts/1/runs/3/artifacts/manifest.json?step=2",
      run("cloud.getdbt.com", 1, nil, 3)
    ),
    ("https://cloud.getdbt.com/api/v3/accounts/1/projects/2/runs/3", run("cloud.getdbt.com", 1, 2, 3)),
    ("http://localhost:8443/deploy/1001/projects/501/runs/50019015/", run("localhost", 1001, 501, 50_019_015)),
    ("HTTPS://User:pw@Cloud.GetDBT.com:443//deploy/1/projects/2/runs/3//", run("cloud.getdbt.com", 1, 2, 3)),
    ("https://[::1]:8443/deploy/1/projects/2/runs/3", run("[::1]", 1, 2, 3)),
    ("  https://h/deploy/1/projects/2/runs/9223372036854775807\n", run("h", 1, 2, .max)),
  ]

  @Test(arguments: wellFormed) func everyFormIsRead(_ example: (text: String, run: DbtRunReference)) {
    #expect(RunURL.parse(example.text) == example.run)
  }

  @Test(arguments: [
    "", "50019015", "https://", "https:///deploy/1/projects/2/runs/3", "deploy/1/projects/2/runs/3",
    "ftp://h/deploy/1/projects/2/runs/3", "file:///deploy/1/projects/2/runs/3", "s3://b/deploy/1/projects/2/runs/3",
    "https://h/deploy/1/projects/2/runs/", "https://h/deploy/1/projects/2/runs/x",
    "https://h/deploy/1/projects/2/runs/3x",
    "https://h/deploy/1/projects/2/runs/-3", "https://h/deploy/1/projects/2/runs/+3",
    "https://h/deploy/1/projects/2/runs/0",
    "https://h/deploy/1/projects/2/runs/9223372036854775808", "https://h/deploy/1/projects/2/runs/٣",
    "https://h/deploy/1/runs/3", "https://h/deploy/1/projects/2/jobs/3", "https://h/accounts/1/projects/2/runs/3",
    "https://h/x/deploy/1/projects/2/runs/3", "https://h/#/deploy/1/projects/2/runs/3",
    "https://h/api/v2/accounts/1/jobs/3/",
    "https://h?x=/deploy/1/projects/2/runs/3", "https://h:port/deploy/1/projects/2/runs/3",
    "https://h h/deploy/1/projects/2/runs/3", "https://h/deploy/1/projects/2/runs/%33",
    "see https://h/deploy/1/projects/2/runs/3", "https://[::1/deploy/1/projects/2/runs/3",
  ]) func anythingElseIsNoRun(_ text: String) {
    #expect(RunURL.parse(text) == nil)
  }

  @Test func noTextOfAnyKindStopsTheProgram() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let whole = Array("https://u:p@h:1/deploy/1/projects/2/runs/3/?q#/accounts/1/projects/2/runs/3".unicodeScalars)
    let odd = Array("/#?:@[]. 0é\u{0}\u{301}👩‍👩‍👧".unicodeScalars)
    for _ in 0..<20_000 {
      var text = String.UnicodeScalarView()
      for scalar in whole where Int.random(in: 0..<20, using: &random) > 0 {
        if Int.random(in: 0..<12, using: &random) == 0, let other = odd.randomElement(using: &random) {
          text.append(other)
        }
        text.append(scalar)
      }
      if let run = RunURL.parse(String(text)) {
        #expect(run.runID > 0 && run.host?.isEmpty == false, "seed \(seed)")
      }
    }
    #expect(RunURL.parse("https://h/deploy/1/projects/2/runs/3/" + String(repeating: "x", count: 5_000)) == nil)
  }
}
