import Testing

/// Tests mirror the sources: `Sources/Room/Noun.swift` has `Tests/RoomTests/NounTests.swift`, unless it is listed here
/// with the test that covers it or the reason why it has none.
struct MirrorTests {
  /// By room and file. A value that ends in `Tests` is the name of a test file of that room; `Room/NounTests` one of
  /// another room.
  private static let exceptions: [String: [String: String]] = [
    "AirflowSource": [
      "AirflowSchema": "SchemaProbeTests", "AirflowTables": "QueriesTests", "AirflowVersion": "SchemaFindingsTests",
      "ColumnType": "SchemaContractTests",
      "DagRows": "AirflowReaderTests", "DagRunRow": "AirflowReaderTests", "HistoryRequest": "AirflowReaderTests",
      "PickleMachine": "PickleTests", "PickleUnfolding": "PickleTests",
      "PythonJSON": "StoredValueTests", "ReadLimits": "AirflowReaderTests", "ReadMoment": "AirflowReaderTests",
      "SnapshotBatch": "AirflowReaderSweepTests", "SnapshotReader": "AirflowReaderTests",
      "SnapshotReader+Evidence": "AirflowReaderTests", "SweepRequest": "AirflowReaderSweepTests",
      "SweepSelection": "AirflowReaderSweepTests", "TaskInstanceRow": "AirflowReaderTests",
    ],
    "CommandLine": [
      "CommandOption": "CommandTableTests", "CommandSpecification": "CommandTableTests",
      "ExitCode": "Package/DocumentsTests", "ParsedCommand": "OptionParserTests",
    ],
    "Configuration": [
      "AirflowConfiguration": "ConfigurationTests", "ConfigurationDecoder": "ConfigurationTests",
      "DbtArtifactsConfiguration": "ConfigurationTests", "DbtCloudConfiguration": "ConfigurationTests",
      "Retention": "ConfigurationTests",
      "Key": "ConfigurationKeysTests",
      "RecordConfiguration": "ConfigurationTests", "SecretError": "SecretTests", "SectionReader": "ConfigurationTests",
      "SinkConfiguration": "ConfigurationTests", "ValueType": "ConfigurationErrorsTests",
    ],
    "DbtArtifacts": [
      "ArtifactError": "DamagedArtifactsTests", "ArtifactMetadata": "RunResultsTests",
      "ArtifactName": "names of four files", "LenientReading": "DamagedArtifactsTests",
    ],
    "DbtCloud": [
      "ArtifactAnswer": "DbtCloudClientTests", "DbtCloudClock": "CallBudgetTests",
      "DbtRunFilter": "DbtCloudClientTests", "DbtRunHead": "Engine/RunReadingTests",
    ],
    "DbtCloudStandIn": [
      "APIText": "StandInTests", "ArtifactFolder": "StandInTests", "JobDocument": "StandInTests",
      "Route": "StandInTests", "RunDocument": "StandInTests", "RunQuery": "StandInTests",
      "StandInRequest": "StandInTests", "StandInRun": "TruthFileTests", "Wire": "StandInTests",
    ],
    "Engine": [
      "Alarm": "every service of the daemon waits on one; driven by its tests",
      "Bells": "DaemonTests", "CaptureService": "DaemonTests",
      "EnrichmentService": "DaemonTests", "FolderService": "IngestionTests", "UpkeepService": "UpkeepTests",
      "Service": "DaemonTests",
      "ConfigurationChange": "ReloadTests", "PartKeeper": "ReloadTests",
      "LeaseKeeper": "FleetTests", "PassLeases": "FleetTests",
      "Workbench": "every pass goes through it",
      "ArtifactReader": "a thread for DbtArtifacts, which has tests of its own; every pass goes through it",
      "PartnerFailure": "words for the log of an outage; driven by the tests of lost partners",
      "Daemon+Status": "StatusSocketTests", "LiveState": "values without behaviour",
      "StatusReading": "StatusSocketTests",
      "Configuration+Parts": "every pass goes through it", "EngineEvents": "Package/DocumentsTests",
      "DeliveryEvents": "Package/DocumentsTests",
      "Enrichment+Fetching": "EnrichmentTests", "Enrichment+Run": "RunReadingTests",
      "Enrichment+UnderWay": "EnrichmentTests",
      "Inspection": "driven by the tests of the program",
      "RunLookup": "driven by the tests of the program",
      "StatusLine": "one line of text; driven by the tests of the daemon", "StopSign": "DaemonTests",
      "SyncerVersion": "a constant",
      "Workshop": "every pass goes through it",
    ],
    "ExecutionModel": [
      "DagRunSnapshot": "values without behaviour", "DbtNode": "values without behaviour",
      "DbtNodeExecution": "values without behaviour",
      "ExecutionEvent": "values without behaviour",
      "RawJSON": "a value without behaviour", "RunLink": "Records/ExecutionRecordTests",
    ],
    "HTTPClient": [
      "CurlHandles": "HTTPLaneTests", "CurlOptions": "HTTPLaneTests", "HTTPRequest": "RequestRulesTests",
      "HTTPResponse": "HTTPLaneTests",
    ],
    "JSONText": [
      "FileMapping": "JSONDocumentTests", "JSONError": "JSONDocumentTests", "JSONFault": "JSONDocumentTests",
      "JSONValue": "JSONValueParsingTests", "StructuralIndex": "JSONTokensTests",
    ],
    "LoopbackHTTP": [
      "LoopbackAnswer": "HTTPClient/LoopbackServerTests", "LoopbackCallbacks": "HTTPClient/LoopbackServerTests",
      "LoopbackRequest": "HTTPClient/LoopbackServerTests", "LoopbackResponse": "HTTPClient/LoopbackServerTests",
      "LoopbackServer": "HTTPClient/LoopbackServerTests", "LoopbackState": "HTTPClient/LoopbackServerTests",
    ],
    "OpenLineage": [
      "DatasetFacets": "LineageEncoderNodesTests", "EventCut": "Sinks/LineageNamingTests",
      "Facet": "LineageEncoderTests", "JobFacets": "LineageEncoderTests",
      "NodeFacets": "LineageEncoderNodesTests", "RunFacets": "LineageEncoderTests",
    ],
    "Platform": [
      "LocalClient": "LocalServerTests", "LocalSocket": "LocalServerTests",
      "Memory": "a setting of glibc; scripts/bench shows it, and Engine/AccessTests that there are no cores",
      "Signals": "driven by the tests of the daemon", "StandardOutput": "driven by the tests of the program",
    ],
    "Postgres": [
      "CancelRequest": "OperationTests", "LibPQ": "PostgresConnectionTests", "Session": "PostgresConnectionTests",
      "PostgresStatement": "PostgresDatabaseTests", "Session+Pipeline": "PostgresDatabaseTests",
    ],
    "Ledger": [
      "AirflowRows": "LedgerRecordsTests", "CaptureBatch": "CaptureWriterTests", "DbtRows": "LedgerRecordsTests",
      "AttemptReference": "LedgerChecksTests", "DbtNodeRow": "DbtNodeWriterTests",
      "Fence": "LeaseBookTests", "Ledger+Members": "LeaseBookTests", "PartName": "LeaseRuleTests",
      "DeliveryFilter": "LedgerDeliveryItemsTests", "DeliveryItem": "LedgerDeliveryItemsTests",
      "DbtRunWriter": "LedgerDbtRunsTests", "DbtRunWriter+Records": "LedgerWantedRunsTests",
      "Ledger+Capture": "CaptureWriterTests", "LedgerPlace": "LedgerServerTests", "LinkAim": "LinkSettlerTests",
      "LostTryOpener": "LedgerLostTriesTests", "LostTryReader": "LedgerLostTriesTests",
      "LostTryWriter": "LedgerLostTriesTests", "OutboxItem": "LedgerOutboxTests", "RecordReader": "LedgerRecordsTests",
      "RunEraser": "LedgerRetentionTests", "SinkRegistration": "LedgerOutboxTests",
    ],
    "Records": ["SecretsInText": "RedactionTests"],
    "Storage": ["Columns": "BinderTests", "Database": "a protocol", "Statement": "a protocol"],
    "Sinks": ["FileSinkError": "FileAppenderTests", "Sink": "a protocol"],
    "Telemetry": ["Metric": "TelemetryTests", "TelemetryEvent": "TelemetryTests"],
    // Programs: their screens and exit statuses are held against real databases by the tests of Engine.
    "airflow-syncer": ["*": "driven as a program by the tests of Engine"],
    "Benchmarks": ["*": "measures, and asserts nothing"],
    "dbt-cloud-stand-in": ["*": "DbtCloudStandIn/ProgramTests"],
  ]

  @Test func everySourceHasItsTest() throws {
    for room in try Repository.names(in: "Sources") {
      for path in try Repository.swiftFiles(of: room) {
        let name = String(path.dropFirst("Sources/\(room)/".count).dropLast(".swift".count))
        // `Ledger+Outbox` is tested by `LedgerOutboxTests`.
        if Repository.exists("Tests/\(room)Tests/\(name.filter { $0 != "+" })Tests.swift") { continue }
        let exceptions = Self.exceptions[room] ?? [:]
        guard let cover = exceptions[name] ?? exceptions["*"] else {
          Issue.record("\(path) has no Tests/\(room)Tests/\(name)Tests.swift")
          continue
        }
        guard cover.hasSuffix("Tests") else { continue }
        let parts = cover.split(separator: "/")
        let file = parts.count == 2 ? "Tests/\(parts[0])Tests/\(parts[1]).swift" : "Tests/\(room)Tests/\(cover).swift"
        #expect(Repository.exists(file), "\(path) is said to be covered by \(file)")
      }
    }
  }
}
