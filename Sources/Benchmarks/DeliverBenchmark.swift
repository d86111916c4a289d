import ExecutionModel
import Glibc
import Ledger
import LoopbackHTTP
import OpenLineage
import Platform
import Postgres
import Sinks
import Synchronization

/// Sends the events of a made-up history from a new ledger to a backend, and measures how fast that goes and how much
/// memory it takes on its way.
struct DeliverBenchmark {
  private let url: String
  private let events: Int
  private let batches: OpenLineageSink.Batches
  private let gzip: Bool
  private let concurrency: Int
  /// A database of Postgres; a file when there is none.
  private let server: String?

  /// `[--single] [--plain] [--concurrency N] [--ledger CONNINFO] URL [EVENTS]`
  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    var (isSingle, isPlain, concurrency) = (false, false, 4)
    var server: String?
    while let word = rest.first, word.hasPrefix("--") {
      rest.removeFirst()
      switch word {
      case "--single": isSingle = true
      case "--plain": isPlain = true
      case "--concurrency":
        guard let number = rest.popFirst().flatMap({ Int($0) }), number > 0 else { throw WrongUsage() }
        concurrency = number
      case "--ledger":
        guard let conninfo = rest.popFirst() else { throw WrongUsage() }
        server = conninfo
      default: throw WrongUsage()
      }
    }
    guard let url = rest.popFirst(), rest.count <= 1, let events = rest.first.map({ Int($0) }) ?? 1_000_000, events > 0
    else { throw WrongUsage() }
    (self.url, self.events, self.concurrency, self.server) = (url, events, concurrency, server)
    (batches, gzip) = (isSingle ? .off : .auto, !isPlain)
  }

  func run() async throws {
    let folder = try BenchmarkFolder()
    defer { folder.remove() }
    let ledger = Ledger(at: place(folder), purpose: .syncing)
    try await ledger.open()
    let registration = SinkRegistration(
      name: "lineage", type: "openlineage", kind: .events([.dagRuns, .attempts]), history: true)
    try await ledger.register(sinks: [registration])
    _ = try await ledger.progress(of: MadeUpHistory.instance)
    // A START and an end of the run and of each task instance.
    let perRun = 2 * (MadeUpHistory.tasks + 1)
    let history = MadeUpHistory(runs: (events + perRun - 1) / perRun)
    for page in 0..<history.pages { _ = try await ledger.apply(history.page(page)) { _, _ in [] } }

    let naming = LineageNaming(
      producer: "https://example.org/airflow-syncer", version: "benchmark",
      airflow: [MadeUpHistory.instance: .init(namespace: "default", scheme: .since2)], dbtNamespaces: [:])
    let sink = OpenLineageSink(
      name: registration.name,
      endpoint: .init(url: url, token: nil, gzip: gzip, concurrency: concurrency, batches: batches), naming: naming,
      ledger: ledger)
    var delivered = 0
    var memory: [Double] = []
    let begin = ResourceUsage.now
    while true {
      let round = try await sink.deliver()
      if round.wasIdle { break }
      if let outage = round.outage { throw Undelivered(why: outage.detail) }
      guard round.parked == 0, round.retried == 0 else { throw Undelivered(why: "the backend refuses events") }
      delivered += round.delivered
      memory.append(ResourceUsage.privateMegabytes)
    }
    let end = ResourceUsage.now
    await ledger.close()
    let (seconds, processor) = (end.seconds - begin.seconds, end.processorSeconds - begin.processorSeconds)
    func at(_ share: Double) -> String {
      memory.isEmpty ? "-" : fixed(memory[min(memory.count - 1, Int(Double(memory.count) * share))], 1)
    }
    try StandardOutput.write(
      """
      delivered \(delivered) events in \(fixed(seconds)) s, \(fixed(Double(delivered) / seconds, 0)) events/s
        processor \(fixed(processor)) s (\(fixed(processor / Double(max(1, delivered)) * 1e6, 0)) us an event), \
      private memory \(at(0.1)), \(at(0.5)), \(at(1)) MB after a tenth, a half and all, peak \
      \(fixed(ResourceUsage.peakMegabytes, 1)) MB

      """)
  }

  private func place(_ folder: BenchmarkFolder) -> LedgerPlace {
    guard let server else { return .file(folder.ledger) }
    return .postgres(PostgresConfiguration(conninfo: server, applicationName: "airflow-syncer/benchmark"))
  }

  private struct Undelivered: Error, CustomStringConvertible {
    let why: String
    var description: String { "not delivered: \(why)" }
  }
}

/// A backend on 127.0.0.1 that counts what it is sent, in a process of its own, so that only the other side is measured.
struct BackendBenchmark {
  private let takesBatches: Bool

  /// `[--no-batch]`
  init(_ arguments: [String]) throws {
    guard arguments.isEmpty || arguments == ["--no-batch"] else { throw WrongUsage() }
    takesBatches = arguments.isEmpty
  }

  /// Until SIGTERM or SIGINT, or the end of standard input.
  func run() throws {
    let events = Atomic<Int>(0)
    let server = try LoopbackServer { [takesBatches] request in
      let isBatch = request.target.hasSuffix("/batch")
      if isBatch, !takesBatches { return LoopbackResponse(status: 404) }
      guard let body = request.decodedBody else { return LoopbackResponse(status: 400) }
      events.wrappingAdd(isBatch ? Self.count(body) : 1, ordering: .relaxed)
      return LoopbackResponse(status: isBatch ? 204 : 201)
    }
    try StandardOutput.write("listening on http://127.0.0.1:\(server.port)\n")
    while getchar() != EOF {}
    server.stop()
    try StandardOutput.write(
      "received \(events.load(ordering: .relaxed)) events in \(server.requestCount) requests over \(server.connectionCount) connections\n"
    )
  }

  private static func count(_ body: [UInt8]) -> Int {
    let mark = Array(#"{"eventType":"#.utf8)
    return body.withUnsafeBytes { bytes in
      var (count, position) = (0, 0)
      while position + mark.count <= bytes.count {
        if bytes[position] == mark[0], bytes[position + 2] == mark[2],
          bytes[position..<position + mark.count].elementsEqual(mark)
        {
          count += 1
          position += mark.count
        } else {
          position += 1
        }
      }
      return count
    }
  }
}
