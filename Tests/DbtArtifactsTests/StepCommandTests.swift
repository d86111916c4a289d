import Testing

@testable import DbtArtifacts

@Suite struct StepCommandTests {
  private static let theCommandIsReadFromTheNameCases: [(String, String?)] = [
    ("Invoke dbt with `dbt build`", "build"), ("Invoke dbt with `dbt build --select models/x.sql`", "build"),
    ("Invoke dbt with `dbt build --select \"tag:a b\" --exclude x.y.z+`", "build"),
    ("Invoke dbt with `dbt --debug --log-format json run -s a`", "run"),
    ("Invoke dbt with `dbt --target build test`", "test"), ("Invoke dbt with `dbt docs generate`", "generate"),
    ("Invoke dbt with `dbt docs generate --no-compile`", "generate"),
    ("Invoke dbt with `dbt source freshness`", "freshness"),
    ("Invoke dbt with `dbt source snapshot-freshness --select source:raw`", "freshness"),
    ("Invoke dbt with `dbt run-operation grant --args '{x: build}'`", "run-operation"),
    ("Invoke dbt with `dbt ls`", "list"), ("Invoke dbt with `dbt deps`", "deps"),
    ("Invoke dbt with `dbt run --vars '{\"a\": \"`b`\"}'`", "run"), ("Invoke dbt with `dbt`", nil),
    ("Invoke dbt with `dbt --version`", nil), ("dbt run", "run"), ("Generate docs", "generate"),
    ("Source freshness", "freshness"), ("source  freshness", "freshness"), ("Clone git repository", nil),
    ("Create profile from connection `dbt build`", "build"), ("Create profile from connection Postgres", nil),
    ("Invoke dbt with `python x.py`", nil), ("", nil), ("`", nil), ("``", nil),
  ]
  @Test(arguments: theCommandIsReadFromTheNameCases)
  func theCommandIsReadFromTheName(_ name: String, _ expected: String?) {
    #expect(StepCommand.name(ofStep: name) == expected)
  }
}
