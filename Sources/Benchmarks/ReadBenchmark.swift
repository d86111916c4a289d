import AirflowSource
import Platform
import Postgres

/// Reads all history of one Airflow database.
struct ReadBenchmark {
  private let conninfo: String
  private let withEvidence: Bool

  init(_ arguments: [String]) throws {
    var rest = arguments
    withEvidence = rest.first != "--task-instances-only"
    if !withEvidence { rest.removeFirst() }
    guard rest.count == 1, let conninfo = rest.first else { throw WrongUsage() }
    self.conninfo = conninfo
  }

  func run() async throws {
    let configuration = PostgresConfiguration(conninfo: conninfo, applicationName: "airflow-syncer/benchmark")
    let connection = PostgresConnection(configuration, name: "history")
    let reader = AirflowReader(instance: "benchmark", connection: connection)
    let schema = try await reader.probe()
    var request = HistoryRequest()
    request.withEvidence = withEvidence
    var rows = RowCounts()
    var attempts = 0
    var pages = 0
    var slowest = 0.0
    let begin = ResourceUsage.now
    while true {
      let batch = try await reader.history(request, schema: schema)
      pages += 1
      rows += batch.rowCounts
      attempts += batch.snapshots.reduce(0) { $0 + $1.attempts.count }
      slowest = max(slowest, batch.moment.serverMilliseconds ?? 0)
      if batch.isFinished { break }
      request.below = batch.lowestID
    }
    let end = ResourceUsage.now
    await connection.close()
    let seconds = end.seconds - begin.seconds
    let what = withEvidence ? "everything" : "runs, task instances and earlier tries"
    try StandardOutput.write(
      """
      read \(what): \(rows.taskInstances) task instances in \(fixed(seconds)) s, \
      \(fixed(Double(rows.taskInstances) / seconds, 0)) task instances/s
        processor \(fixed(end.processorSeconds - begin.processorSeconds)) s, peak \(fixed(ResourceUsage.peakMegabytes, 1)) MB, \
      \(pages) transactions, the longest \(fixed(slowest, 0)) ms
        \(rows.dagRuns) DAG runs, \(rows.taskInstanceHistory) earlier tries, \(rows.xcoms) XComs, \
      \(rows.renderedFields) rendered fields, \(attempts) attempts

      """)
  }
}
