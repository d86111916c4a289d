import Configuration
import FoundationEssentials
import Ledger
import TestServers
import Testing

@testable import Engine

struct PartDefinitionTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func parts(
    interval: String = "5s", token: String = "one", tags: String = "keep", instances: [String] = ["prod"]
  ) throws -> [PartName: PartDefinition] {
    try folder.write(token + "\n", to: "token")
    let airflow = instances.map {
      "  - {name: \($0), dsn: \"host=127.0.0.1 dbname=a user=u sslmode=disable\", namespace: \($0), poll_interval: \(interval)}"
    }
    let text = """
      ledger: sqlite:\(folder.file("ledger.db"))
      airflow:
      \(airflow.joined(separator: "\n"))
      dbt_cloud:
        - {name: cloud, account_id: 1, url: "https://one.dbt.com", token_file: \(folder.file("token"))}
      sinks:
        - {name: lineage, type: openlineage, url: "https://lineage.example/api", token_file: \(folder.file("token"))}
        - {name: archive, type: file, path: \(folder.file("a.ndjson"))}
      record: {messages: \(tags)}

      """
    return try Configuration.parse(text: text, file: "syncer.yaml").configuration.parts()
  }

  private func changed(
    _ before: [PartName: PartDefinition], _ after: [PartName: PartDefinition]
  ) -> [String] {
    Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.map(\.description).sorted()
  }

  @Test func onlyWhatAPartIsMadeOfMakesItAnotherOne() throws {
    let before = try parts()
    #expect(
      before.keys.map(\.description).sorted()
        == ["airflow/prod", "dbt_cloud/cloud", "sink/archive", "sink/lineage", "upkeep/ledger"])
    #expect(changed(before, try parts()) == [])
    #expect(changed(before, try parts(interval: "6s")) == ["airflow/prod"])
    #expect(changed(before, try parts(tags: "drop")) == ["sink/archive"])
    // Events are named after the instances.
    #expect(changed(before, try parts(instances: ["prod", "test"])) == ["airflow/test", "sink/lineage"])
  }

  @Test func aSecretThatWasRotatedMakesThePartsAnewThatUseIt() throws {
    let before = try parts()
    let after = try parts(token: "two")
    #expect(changed(before, after) == ["dbt_cloud/cloud", "sink/lineage"])
    #expect(!"\(after)".contains("two"))
  }
}
