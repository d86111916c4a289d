import AirflowSource
import Platform
import Postgres

/// Polls one Airflow database in which nothing changes, as the daemon does.
struct PollBenchmark {
  private static let polls = 200
  private let conninfo: String

  init(_ arguments: [String]) throws {
    guard arguments.count == 1, let conninfo = arguments.first else { throw WrongUsage() }
    self.conninfo = conninfo
  }

  func run() async throws {
    let configuration = PostgresConfiguration(conninfo: conninfo, applicationName: "airflow-syncer/benchmark")
    let connection = PostgresConnection(configuration, name: "live")
    let reader = AirflowReader(instance: "benchmark", connection: connection)
    let schema = try await reader.probe()
    let cursor = try await reader.highestRunID()
    var request = LiveRequest(cursor: cursor, floor: cursor)
    try await measure("open runs, read again at every poll", request, reader, schema)
    let known = try await reader.live(
      LiveRequest(cursor: cursor, floor: cursor, knownFingerprints: [:]), schema: schema)
    request.remembered = known.openIDs
    request.knownFingerprints = known.fingerprints
    try await measure("open runs, only looked at for changes", request, reader, schema)
    await connection.close()
  }

  private func measure(
    _ what: String, _ request: LiveRequest, _ reader: AirflowReader, _ schema: AirflowSchema
  ) async throws {
    var milliseconds: [Double] = []
    var batch = try await reader.live(request, schema: schema)
    let begin = ResourceUsage.now
    for _ in 0..<Self.polls {
      batch = try await reader.live(request, schema: schema)
      milliseconds.append(batch.moment.serverMilliseconds ?? 0)
    }
    let processor = (ResourceUsage.now.processorSeconds - begin.processorSeconds) * 1000 / Double(Self.polls)
    milliseconds.sort()
    try StandardOutput.write(
      """
      poll: \(batch.openIDs.count) \(what), \(batch.rowCounts.taskInstances) task instances read
        queries with network and decoding \(fixed(milliseconds[Self.polls / 2])) ms (median of \(Self.polls)), \
      least \(fixed(milliseconds[0])) ms; processor of this process \(fixed(processor)) ms

      """)
  }
}
