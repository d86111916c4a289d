import JSONText

/// The facets that are written, each with the version of its schema.
enum Facet: String {
  case nominalTime
  case parent
  case processingEngine = "processing_engine"
  case errorMessage
  case airflow
  case airflowDagRun
  case airflowState
  case dbtVersion = "dbt_version"
  case dbtRun = "dbt_run"
  case jobType
  case ownership
  case tags
  case sql
  case dbtNode = "dbt_node"
  case externalQuery
  case test
  case runTags
  case dataSource
  case datasetDocumentation
  case datasetOwnership
  case schema
  case dataQualityAssertions
  case outputStatistics
  /// Ours: what was left out of the event.
  case cut = "airflowSyncer_cut"

  /// The member that holds it. A few names stand for one thing in a run, and for another in a job or dataset.
  var name: String {
    switch self {
    case .runTags: "tags"
    case .datasetDocumentation: "documentation"
    case .datasetOwnership: "ownership"
    default: rawValue
    }
  }

  var schemaURL: String {
    switch self {
    case .nominalTime: Self.core("1-0-1", "NominalTimeRunFacet")
    case .parent: Self.core("1-2-0", "ParentRunFacet")
    case .processingEngine: Self.core("1-1-1", "ProcessingEngineRunFacet")
    case .errorMessage: Self.core("1-0-1", "ErrorMessageRunFacet")
    // Airflow's own facets have no published schema, nor has ours; its provider names the base.
    case .airflow, .airflowDagRun, .airflowState, .cut: "\(Self.specification)#/$defs/RunFacet"
    case .dbtVersion: Self.dbt("dbt-version-run-facet")
    case .dbtRun: Self.dbt("dbt-run-run-facet")
    case .jobType: Self.core("2-0-4", "JobTypeJobFacet")
    case .ownership: Self.core("1-0-1", "OwnershipJobFacet")
    case .tags: Self.core("1-0-0", "TagsJobFacet")
    case .sql: Self.core("1-1-0", "SQLJobFacet")
    case .dbtNode: Self.dbt("dbt-node-job-facet")
    case .externalQuery: Self.core("1-0-2", "ExternalQueryRunFacet")
    case .test: Self.core("1-0-1", "TestRunFacet")
    case .runTags: Self.core("1-0-0", "TagsRunFacet")
    case .dataSource: Self.core("1-0-1", "DatasourceDatasetFacet")
    case .datasetDocumentation: Self.core("1-1-0", "DocumentationDatasetFacet")
    case .datasetOwnership: Self.core("1-0-1", "OwnershipDatasetFacet")
    case .schema: Self.core("1-2-0", "SchemaDatasetFacet")
    case .dataQualityAssertions: Self.core("1-1-0", "DataQualityAssertionsDatasetFacet")
    case .outputStatistics: Self.core("1-0-2", "OutputStatisticsOutputDatasetFacet")
    }
  }

  /// The version of the specification whose events are written.
  static let specification = "https://openlineage.io/spec/2-0-2/OpenLineage.json"

  private static func core(_ version: String, _ name: String) -> String {
    "https://openlineage.io/spec/facets/\(version)/\(name).json#/$defs/\(name)"
  }

  private static func dbt(_ name: String) -> String {
    "https://github.com/OpenLineage/OpenLineage/tree/main/integration/common/openlineage/schema/\(name).json"
  }
}

extension JSONWriter {
  /// A facet with the two members that every facet has, then those that `body` writes.
  mutating func facet(_ facet: Facet, producer: String, _ body: (inout JSONWriter) -> Void) {
    key(facet.name)
    object { writer in
      writer.member("_producer", producer)
      writer.member("_schemaURL", facet.schemaURL)
      body(&writer)
    }
  }

  /// A member, unless there is no value: OpenLineage's schemas do not allow null.
  mutating func present(_ name: StaticString, _ value: String?) {
    if let value { member(name, value) }
  }

  mutating func present(_ name: StaticString, _ value: Int?) {
    if let value { member(name, value) }
  }
}
