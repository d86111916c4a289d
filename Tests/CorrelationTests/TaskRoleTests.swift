import Testing

@testable import Correlation

@Suite struct TaskRoleTests {
  private static let byName: [(String?, TaskRole)] = [
    ("DbtCloudRunJobOperator", .run), ("DbtCloudJobRunSensor", .sensor), ("DbtCloudJobRunAsyncSensor", .sensor),
    ("AcmeDbtRunSensor", .sensor), ("DbtCloudGetJobRunArtifactOperator", .artifactReader),
    ("AcmeDbtArtifactOperator", .artifactReader), ("DbtCloudListJobsOperator", .lister),
    ("DbtCloudListJobRunsOperator", .lister), ("AcmeDbtListRuns", .lister), ("AcmeDbtOperator", .generic),
    ("@task", .generic), ("_PythonDecoratedOperator", .generic), ("HttpOperator", .generic),
    ("S3ListOperator", .generic),
    ("FileSensor", .generic), ("", .generic), (nil, .generic),
  ]

  @Test(arguments: byName) func theNameDecidesWithoutARunXCom(_ example: (name: String?, role: TaskRole)) {
    #expect(TaskRole(operatorName: example.name, wroteRunXCom: false) == example.role)
  }

  @Test(arguments: ["AcmeDbtOperator", "AcmeDbtListRuns", "AcmeDbtRunSensor", "AcmeDbtArtifactOperator", "@task", nil])
  func aRunXComSaysMoreThanANameThatLooksLikeSomething(_ name: String?) {
    #expect(TaskRole(operatorName: name, wroteRunXCom: true) == .run)
  }

  @Test(arguments: ["DbtCloudListJobsOperator", "DbtCloudListJobRunsOperator", "DbtCloudJobRunSensor"])
  func theProvidersOwnClassesAreKnownByName(_ name: String) {
    #expect(TaskRole(operatorName: name, wroteRunXCom: true) != .run)
  }
}
