// swift-tools-version: 6.0
import PackageDescription

// The rooms of the program in the order that data walks through them; docs/ARCHITECTURE.md tells the story.
// Only the toolchain and C libraries of the distribution are used, so nothing is fetched at build time.

// A debug build can be made to kill itself at named places: `Failpoint` in Platform.
let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
  .define("FAILPOINTS", .when(configuration: .debug)),
]

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func room(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: swift)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, resources: resources, swiftSettings: swift
  )
}

let package = Package(
  name: "airflow-syncer",
  products: [
    .executable(name: "airflow-syncer", targets: ["airflow-syncer"]),
    .executable(name: "dbt-cloud-stand-in", targets: ["dbt-cloud-stand-in"]),
  ],
  targets: [
    // C libraries and shims, no logic.
    system("CLibPQ", pkgConfig: "libpq", apt: "libpq-dev"),
    system("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
    system("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
    system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    system("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),
    system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
    system("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    .target(name: "CPlatform"),
    // Not through pkg-config: SwiftPM warns of a flag that simdjson's file asks for. Debian: libsimdjson-dev.
    .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),

    // simdjson's own reader, for benchmarks to compare with.
    .target(name: "CSimdjsonWalk", linkerSettings: [.linkedLibrary("simdjson")]),

    // Values, then the means of reading and writing.
    room("ExecutionModel"),
    room("Platform", ["CPlatform"]),
    room("JSONText", ["ExecutionModel", "CSimdjson"]),
    room("Storage"),
    room("Postgres", ["ExecutionModel", "Platform", "Storage", "CLibPQ", "CPlatform"]),
    room("SQLite", ["Storage", "CSQLite"]),
    room("HTTPClient", ["Platform", "CCurl", "CZlib"]),

    // Source, correlation, dbt.
    room("AirflowSource", ["ExecutionModel", "Postgres", "JSONText"], resources: [.embedInCode("SQL")]),
    room("Correlation", ["ExecutionModel", "JSONText"]),
    room("DbtCloud", ["ExecutionModel", "HTTPClient", "JSONText"]),
    room("DbtArtifacts", ["ExecutionModel", "JSONText"]),

    // Records, ledger, sinks.
    room("Records", ["ExecutionModel", "JSONText"]),
    .target(name: "Migrations", path: "Migrations", resources: [.embedInCode("SQL")], swiftSettings: swift),
    room(
      "Ledger",
      [
        "ExecutionModel", "Correlation", "Records", "Storage", "SQLite", "Postgres", "Migrations", "JSONText",
        "Platform", "CCrypto",
      ]),
    room("OpenLineage", ["ExecutionModel", "JSONText", "CCrypto"]),
    room("Sinks", ["ExecutionModel", "JSONText", "Records", "Ledger", "OpenLineage", "HTTPClient", "Platform"]),

    // The daemon around them.
    room("Configuration", ["CYAML"]),
    room("Telemetry", ["ExecutionModel", "JSONText", "Platform", "CPlatform"]),
    room("CommandLine", ["Configuration", "ExecutionModel"]),
    room(
      "Engine",
      [
        "ExecutionModel", "Platform", "AirflowSource", "Correlation", "DbtCloud", "DbtArtifacts", "Records", "Ledger",
        "Sinks", "Configuration", "Telemetry", "HTTPClient", "Postgres", "OpenLineage",
      ]),
    .executableTarget(
      name: "airflow-syncer",
      dependencies: [
        "CommandLine", "Configuration", "Engine", "Ledger", "Records", "ExecutionModel", "JSONText", "Platform",
        "Telemetry",
      ],
      swiftSettings: swift),

    // A stand-in for dbt Cloud, for the quickstart and the tests.
    room("LoopbackHTTP", ["CMicroHTTPD", "CZlib"]),
    room("DbtCloudStandIn", ["LoopbackHTTP", "JSONText", "ExecutionModel"]),
    .executableTarget(name: "dbt-cloud-stand-in", dependencies: ["DbtCloudStandIn"], swiftSettings: swift),

    // Measures rooms by themselves; no product.
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "AirflowSource", "Correlation", "DbtArtifacts", "ExecutionModel", "JSONText", "Ledger", "LoopbackHTTP",
        "OpenLineage", "Platform", "Postgres", "Sinks", "CSimdjsonWalk",
      ],
      swiftSettings: swift),

    // Tests mirror the rooms.
    .target(
      name: "TestServers", dependencies: ["Platform", "LoopbackHTTP"], path: "Tests/TestServers", swiftSettings: swift),
    .target(
      name: "HistorySimulator", dependencies: ["ExecutionModel", "JSONText", "Platform", "TestServers", "CLibPQ"],
      path: "Tests/HistorySimulator", exclude: ["README.md"], swiftSettings: swift),
    tests("ExecutionModel", []),
    tests("Platform", ["TestServers"]),
    tests("JSONText", ["ExecutionModel", "TestServers"]),
    tests("Postgres", ["Storage", "TestServers"]),
    tests("Storage", ["SQLite", "TestServers"]),
    tests("SQLite", ["Storage", "TestServers"]),
    tests("HTTPClient", ["TestServers", "LoopbackHTTP"]),
    tests("AirflowSource", ["ExecutionModel", "Postgres", "JSONText", "TestServers"]),
    tests("Correlation", ["ExecutionModel", "JSONText"]),
    tests("DbtCloud", ["ExecutionModel", "HTTPClient", "JSONText", "DbtCloudStandIn", "LoopbackHTTP", "TestServers"]),
    tests("DbtArtifacts", ["ExecutionModel", "JSONText", "TestServers"]),
    tests("Records", ["ExecutionModel", "JSONText"]),
    tests(
      "Ledger", ["ExecutionModel", "Records", "Storage", "SQLite", "Postgres", "Migrations", "JSONText", "TestServers"]),
    tests("OpenLineage", ["DbtArtifacts", "ExecutionModel", "JSONText", "Records"]),
    tests(
      "Sinks",
      [
        "ExecutionModel", "Records", "Ledger", "Storage", "SQLite", "OpenLineage", "TestServers", "LoopbackHTTP",
        "HTTPClient",
        "JSONText",
      ]),
    tests("Configuration", ["TestServers"]),
    tests("Telemetry", ["Platform", "TestServers"]),
    tests("CommandLine", ["Configuration", "ExecutionModel", "TestServers"]),
    tests(
      "Engine",
      [
        "ExecutionModel", "TestServers", "HistorySimulator", "DbtCloudStandIn", "LoopbackHTTP", "Configuration",
        "Ledger", "Storage", "SQLite", "Sinks", "OpenLineage",
        "JSONText", "Correlation", "AirflowSource", "Platform", "Telemetry", "DbtCloud", "Postgres",
      ]),
    tests("DbtCloudStandIn", ["ExecutionModel", "HTTPClient", "TestServers", "JSONText"]),
    .testTarget(
      name: "PackageTests", dependencies: ["AirflowSource", "CommandLine", "Configuration", "TestServers"],
      swiftSettings: swift),
  ],
  cxxLanguageStandard: .cxx17
)

// Fuzzing needs a build under sanitizers of its own, which scripts/fuzz makes.
if Context.environment["FUZZ"] != nil {
  package.targets += [
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "AirflowSource", "Configuration", "Correlation", "DbtArtifacts", "DbtCloud", "ExecutionModel",
        "HTTPClient", "JSONText",
      ],
      path: "Tests/Fuzz", exclude: ["seeds.py"], swiftSettings: swift)
  ]
}
