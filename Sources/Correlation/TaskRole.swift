/// What a task has to do with dbt Cloud runs, judged by the name of its operator and by the XComs it wrote.
enum TaskRole: Hashable {
  /// Starts dbt Cloud runs: `DbtCloudRunJobOperator`, or any operator that wrote one of its XComs. A user's subclass
  /// bears its own name (`AcmeDbtOperator`), so the name alone does not find it.
  case run
  /// Waits for a run: `DbtCloudJobRunSensor` and the like.
  case sensor
  /// Reads artifacts of a run: `DbtCloudGetJobRunArtifactOperator` and the like.
  case artifactReader
  /// Lists jobs or runs that it did not start: `DbtCloudListJobsOperator`, `DbtCloudListJobRunsOperator` and the like.
  case lister
  /// Anything else: `@task`, PythonOperator, HTTP operators, …
  case generic

  /// The provider's own classes are known by name. Of others, one of the run operator's XComs says more than a name
  /// that looks like something.
  init(operatorName: String?, wroteRunXCom: Bool) {
    let name = operatorName ?? ""
    let lowercased = name.lowercased()
    let looksLikeDbt = lowercased.contains("dbt")
    if name == Self.runOperator {
      self = .run
    } else if Self.sensors.contains(name) {
      self = .sensor
    } else if name == "DbtCloudGetJobRunArtifactOperator" {
      self = .artifactReader
    } else if name.hasPrefix("DbtCloudList") {
      self = .lister
    } else if wroteRunXCom {
      self = .run
    } else if looksLikeDbt, lowercased.contains("sensor") {
      self = .sensor
    } else if looksLikeDbt, lowercased.contains("artifact") {
      self = .artifactReader
    } else if looksLikeDbt, lowercased.contains("list") {
      self = .lister
    } else {
      self = .generic
    }
  }

  /// The provider's run operator.
  static let runOperator = "DbtCloudRunJobOperator"
  /// The provider's sensors; the second exists in the provider's 3.x versions.
  static let sensors: Set<String> = ["DbtCloudJobRunSensor", "DbtCloudJobRunAsyncSensor"]
}
