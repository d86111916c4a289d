/// What a dbt project says about one of its nodes at the time of an invocation: from manifest.json, the types of columns
/// from catalog.json. The same facts come again with every run, so the ledger keeps them once.
public struct DbtNode: Hashable, Sendable {
  public var uniqueID: String
  /// model, source, test, seed, snapshot, unit_test, exposure, operation, …
  public var resourceType: String?
  /// For a versioned model without its version.
  public var name: String?
  /// The dbt package that defines the node.
  public var package: String?
  /// `original_file_path`
  public var path: String?
  /// `meta.owner` where the project sets it.
  public var owner: String?
  public var group: String?
  public var tags: [String]
  /// `database.schema.alias`, of a source `database.schema.identifier`, unquoted; nil for what is no table or view.
  public var relation: String?
  public var database: String?
  public var schema: String?
  /// `alias`, of a source `identifier`.
  public var alias: String?
  /// `config.materialized`: table, view, incremental, ephemeral, …
  public var materialized: String?
  public var description: String?
  /// In the catalog's order where there is one, else in the manifest's.
  public var columns: [DbtColumn]
  /// `depends_on.nodes`
  public var dependsOn: [String]
  /// The node that a generic test is attached to.
  public var attachedNode: String?
  /// The column that a generic test checks.
  public var column: String?
  /// `test_metadata.name` of a generic test, with its package as `package.name` unless it is dbt's own.
  public var test: String?
  /// `config.severity` of a test, lower case.
  public var severity: String?
  /// `config.warn_if` and `config.error_if` of a test, as written: `!= 0`, `> 10`.
  public var warnIf: String?
  public var errorIf: String?
  /// Members of `meta`, values that are no strings as JSON.
  public var meta: [DbtMeta]
  /// `compiled_code`, only where it was asked for.
  public var sql: String?

  public init(uniqueID: String) {
    self.uniqueID = uniqueID
    tags = []
    columns = []
    dependsOn = []
    meta = []
  }
}

/// One column of a table or view.
public struct DbtColumn: Hashable, Sendable {
  public var name: String
  /// The warehouse's type from the catalog, else `data_type` of the manifest.
  public var type: String?
  public var description: String?

  public init(name: String, type: String? = nil, description: String? = nil) {
    self.name = name
    self.type = type
    self.description = description
  }
}

/// One member of a node's `meta`.
public struct DbtMeta: Hashable, Sendable {
  public var key: String
  public var value: String

  public init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}
