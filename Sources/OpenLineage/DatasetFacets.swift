import ExecutionModel
import JSONText

// Datasets and their facets.

extension DbtNode {
  /// `database.schema.alias`, what is missing left out; nil for what is no table or view.
  var datasetName: String? {
    guard relation != nil || alias != nil else { return nil }
    let parts = [database, schema, alias].compactMap(\.self).filter { !$0.isEmpty }
    return alias != nil && !parts.isEmpty ? parts.joined(separator: ".") : relation
  }

  /// Whether it is a table or view of its own.
  var isDataset: Bool { relation != nil && datasetName != nil }
}

extension LineageEncoder {
  /// A dataset with what the project and its catalog say of it.
  func dataset(
    _ writer: inout JSONWriter, _ node: DbtNode, in namespace: String, output result: DbtNodeResult? = nil
  ) {
    named(&writer, node, in: namespace) { writer in
      if has(.datasets) { return }
      writer.key("facets")
      writer.object { writer in
        dataSource(&writer, namespace)
        if let description = node.description, !description.isEmpty, !has(.documentation) {
          writer.facet(.datasetDocumentation, producer: producer) { $0.member("description", description) }
        }
        schema(&writer, node.columns)
        if let owner = node.owner, !owner.isEmpty {
          writer.facet(.datasetOwnership, producer: producer) {
            $0.key("owners")
            $0.array { $0.object { $0.member("name", owner) } }
          }
        }
      }
      if let result { outputFacets(&writer, result) }
    }
  }

  /// A dataset by its name alone.
  func bareDataset(_ writer: inout JSONWriter, _ node: DbtNode, in namespace: String) {
    named(&writer, node, in: namespace) { _ in }
  }

  /// A dataset with what its tests found.
  func testedDataset(
    _ writer: inout JSONWriter, _ node: DbtNode, in namespace: String, _ tests: [DbtNodeExecution.Result]
  ) {
    named(&writer, node, in: namespace) { writer in
      // The dbt integration writes it to both; consumers read it from either.
      for place in ["facets", "inputFacets"] {
        writer.key(place)
        writer.object { assertions(&$0, tests) }
      }
    }
  }

  private func named(
    _ writer: inout JSONWriter, _ node: DbtNode, in namespace: String, _ body: (inout JSONWriter) -> Void
  ) {
    guard let name = node.datasetName else { return }
    writer.object { writer in
      writer.member("namespace", namespace)
      writer.member("name", name)
      body(&writer)
    }
  }

  private func dataSource(_ writer: inout JSONWriter, _ namespace: String) {
    writer.facet(.dataSource, producer: producer) {
      $0.member("name", namespace)
      if Self.isURI(namespace) { $0.member("uri", namespace) }
    }
  }

  private func schema(_ writer: inout JSONWriter, _ columns: [DbtColumn]) {
    guard !columns.isEmpty, !has(.schema) else { return }
    writer.facet(.schema, producer: producer) {
      $0.key("fields")
      $0.array { writer in
        for column in columns {
          writer.object {
            $0.member("name", column.name)
            $0.present("type", column.type)
            if let description = column.description, !description.isEmpty, !has(.documentation) {
              $0.member("description", description)
            }
          }
        }
      }
    }
  }

  private func outputFacets(_ writer: inout JSONWriter, _ result: DbtNodeResult) {
    // The catalog counts what is in the relation; where there is none, dbt counts what it has written.
    let rows = result.relationRows.flatMap { $0 > 0 ? $0 : nil } ?? result.rowsAffected.flatMap { $0 > 0 ? $0 : nil }
    let bytes = result.relationBytes.flatMap { $0 > 0 ? $0 : nil }
    guard rows != nil || bytes != nil else { return }
    writer.key("outputFacets")
    writer.object { writer in
      writer.facet(.outputStatistics, producer: producer) {
        if let rows { $0.member("rowCount", rows) }
        if let bytes { $0.member("size", bytes) }
      }
    }
  }

  private func assertions(_ writer: inout JSONWriter, _ tests: [DbtNodeExecution.Result]) {
    writer.facet(.dataQualityAssertions, producer: producer) {
      $0.key("assertions")
      $0.array { writer in
        for test in tests {
          let finding = TestFinding(test)
          writer.object {
            $0.member("assertion", finding.kind)
            $0.member("name", finding.name)
            $0.member("success", finding.isSuccess)
            $0.present("column", test.node.column ?? test.result.column)
            $0.member("severity", finding.severity)
            $0.present("actual", finding.actual)
            $0.present("expected", finding.expected)
          }
        }
      }
    }
  }

  /// As `format: uri` of the schema wants it.
  static func isURI(_ text: String) -> Bool {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon != text.startIndex,
      (text.utf8.first.map { $0 | 0x20 }).map({ (0x61...0x7A).contains($0) }) == true
    else { return false }
    let scheme = text.utf8[..<colon].allSatisfy {
      (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E].contains($0)
    }
    let forbidden = Array("<>\"{}|\\^`%[]".utf8)
    return scheme && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !forbidden.contains($0) }
  }
}
