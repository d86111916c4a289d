import Correlation
import ExecutionModel
import Testing

@Suite struct AttemptEvidenceTests {
  private static let url = "\"https://h/deploy/1/projects/2/runs/50019003/\""
  private static let target = DbtRunReference(host: "h", accountID: 1, projectID: 2, runID: 50_019_003)

  @Test func allEvidenceOfOneRunIsOneExactLink() {
    let found = links(
      "DbtCloudRunJobOperator", xcom("return_value", "50019003"), xcom("job_run_url", Self.url),
      xcom("_link_DbtCloudRunJobOperatorLink", Self.url), xcom("job_run_id", "50019003"))
    #expect(found.count == 1)
    #expect(found.first?.target == Self.target)
    #expect(
      found.first?.relation == .triggered && found.first?.confidence == .exact && found.first?.isCandidate == false)
    #expect(
      found.first?.evidence.map(\.kind) == [
        "xcom_job_run_id", "xcom_job_run_url", "xcom_operator_link", "xcom_return_value",
      ])
    #expect(found.first?.unresolved == nil)
  }

  @Test(arguments: ["job_run_id", "job_run_url", "_link_DbtCloudRunJobOperatorLink"])
  func aSubclassIsRecognisedByAnyOfTheKeys(_ key: String) {
    let found = links("AcmeOperator", xcom(key, Self.url))
    #expect(found.map(\.target) == [Self.target])
    #expect(found.first?.confidence == .exact)
  }

  @Test func theReturnedNumberAloneIsExactOnlyForTheProvidersOwnOperator() {
    #expect(links("DbtCloudRunJobOperator", xcom("return_value", "50019003")).map(\.confidence) == [.exact])
    #expect(links("AcmeDbtOperator", xcom("return_value", "50019003")).map(\.isCandidate) == [true])
  }

  @Test func whatASubclassReturnsBesidesIsNoRun() {
    let found = links("AcmeOperator", xcom("job_run_url", Self.url), xcom("return_value", "123456"))
    #expect(found.map(\.target) == [Self.target])
    #expect(found.first?.evidence.map(\.kind) == ["xcom_job_run_url"])
  }

  @Test func runsOfDifferentAccountsAreDifferentLinks() {
    let found = links(
      "DbtCloudRunJobOperator", xcom("job_run_url", Self.url),
      xcom("_link_DbtCloudRunJobOperatorLink", "\"https://h/deploy/9/projects/2/runs/50019003/\""))
    #expect(found.map { $0.target?.accountID } == [1, 9])
  }

  @Test func theAccountComesFromTheRenderedFieldsWhenNoAddressNamesIt() {
    let found = links(
      "DbtCloudRunJobOperator", xcom("job_run_id", "50019003"), rendered: [rendered(#"{"account_id": "77"}"#)])
    #expect(found.map { $0.target?.accountID } == [77])
    let named = links(
      "DbtCloudRunJobOperator", xcom("job_run_url", Self.url), rendered: [rendered(#"{"account_id": 77}"#)])
    #expect(named.map { $0.target?.accountID } == [1])
  }

  @Test func anObjectStorageReferenceIsReportedOnceAndNotFollowed() {
    let reference = "\"s3://bucket/x\""
    let found = links(
      "DbtCloudRunJobOperator", xcom("job_run_id", reference), xcom("job_run_url", reference),
      xcom("return_value", reference))
    #expect(found.count == 1)
    #expect(found.first?.target == nil)
    #expect(found.first?.unresolved == "XCom job_run_id holds a reference to object storage, which is not followed")
    #expect(found.first?.evidence.map(\.kind) == ["xcom_job_run_id", "xcom_job_run_url"])
    // Which run it was is not known, so nothing about it is certain; dbt Cloud is searched.
    #expect(found.first?.confidence == .inferred && found.first?.isCandidate == false)
  }

  @Test func whatIsUnreadableIsSilentWhenSomethingElseNamesTheRun() {
    let found = links(
      "DbtCloudRunJobOperator", xcom("job_run_id", "\"file:///x\""), xcom("_link_DbtCloudRunJobOperatorLink", Self.url))
    #expect(found.map(\.target) == [Self.target])
    #expect(found.first?.unresolved == nil)
  }

  @Test func anEmptyOperatorLinkIsNoEvidence() {
    let found = links("DbtCloudRunJobOperator", xcom("_link_DbtCloudRunJobOperatorLink", "\"\""))
    #expect(found == links("DbtCloudRunJobOperator"))
    #expect(found.allSatisfy { $0.isCandidate && $0.target == nil && $0.evidence.isEmpty })
  }

  @Test(arguments: ["DbtCloudJobRunSensor", "DbtCloudJobRunAsyncSensor", "AcmeDbtSensor"])
  func aSensorWaitedForItsRenderedRun(_ name: String) {
    for fields in [#"{"run_id": 5}"#, #"{"run_id": "5"}"#] {
      let found = links(name, rendered: [rendered(fields)])
      #expect(found.map(\.relation) == [.waitedFor])
      #expect(
        found.first?.target?.runID == 5 && found.first?.confidence == .strong && found.first?.isCandidate == false)
      #expect(found.first?.evidence == [Evidence(kind: "rendered_run_id", value: "5")])
    }
  }

  @Test func aDeferredSensorsReturnedNumberIsTheRunItWaitedFor() {
    let pruned = links("DbtCloudJobRunSensor", xcom("return_value", "50019003"))
    #expect(pruned.map(\.relation) == [.waitedFor])
    let both = links("DbtCloudJobRunSensor", xcom("return_value", "5"), rendered: [rendered(#"{"run_id": 5}"#)])
    #expect(both.map { $0.evidence.map(\.kind) } == [["rendered_run_id", "xcom_return_value"]])
    #expect(links("AcmeDbtSensor", xcom("return_value", "50019003")).isEmpty)
  }

  @Test func anArtifactOperatorReadsItsRenderedRun() {
    let found = links(
      "DbtCloudGetJobRunArtifactOperator", xcom("return_value", "\"run_results.json\""),
      rendered: [rendered(#"{"run_id": 5, "path": "run_results.json"}"#)])
    #expect(found.map(\.relation) == [.readArtifacts])
    #expect(found.map(\.confidence) == [.strong])
  }

  @Test func aGenericTaskNamesCandidatesAtMostThree() {
    let found = links(
      "@task", xcom("return_value", #"{"a":{"run_id":1},"b":{"run_id":2},"c":{"run_id":3},"d":{"run_id":4}}"#))
    #expect(found.map { $0.target?.runID } == [1, 2, 3])
    #expect(found.allSatisfy { $0.isCandidate && $0.confidence == .strong && $0.relation == .triggered })
  }

  @Test func anAddressAndANumberOfTheSameRunAreOneCandidate() {
    let found = links(
      "@task", xcom("return_value", #"{"dbt_run_id": 50019003, "url": "https://h/deploy/1/projects/2/runs/50019003/"}"#)
    )
    #expect(found.map(\.target) == [Self.target])
    #expect(found.first?.evidence.count == 2)
  }

  @Test func aRenderedRunIDOfAnyOtherOperatorIsNothing() {
    #expect(links("DatabricksRunNowOperator", rendered: [rendered(#"{"run_id": 5}"#)]).isEmpty)
    #expect(
      links("DbtCloudRunJobOperator", rendered: [rendered(#"{"run_id": 5, "job_id": 101}"#)]).allSatisfy {
        $0.target == nil
      })
  }

  @Test func theSameNumberFromAnOpaqueOrTooLargeReturnValueIsNothing() {
    let contents: [XCom.Content] = [.opaque(kind: "pickle", bytes: 9), .tooLarge(bytes: 1 << 24)]
    for content in contents {
      let value = XCom(taskID: "t", mapIndex: -1, key: "return_value", timestamp: at(1), content: content)
      #expect(links("@task", value).isEmpty)
    }
  }
}
