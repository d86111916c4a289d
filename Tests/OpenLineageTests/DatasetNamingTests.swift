import ExecutionModel
import OpenLineage
import Testing

@Suite struct DatasetNamingTests {
  private func namespace(
    _ type: String?, _ details: [String: String], _ naming: DatasetNaming = DatasetNaming(), adapter: String? = nil
  ) -> String {
    naming.namespace(
      project: 5, adapter: adapter, connection: DbtConnection(name: nil, type: type, details: details))
  }

  @Test(
    arguments: [
      ("postgres", ["host": "h", "port": "5433"], "postgres://h:5433"),
      ("postgres", ["host": "h"], "postgres://h:5432"),
      ("redshift", ["hostname": "h", "port": "5439"], "redshift://h:5439"),
      ("snowflake", ["account": "acme-prod"], "snowflake://acme-prod"),
      ("snowflake", ["account": "acme-prod.us-east-1"], "snowflake://acme-prod"),
      ("snowflake", ["account": "xy12345"], "snowflake://xy12345.us-west-1.aws"),
      ("snowflake", ["account": "xy12345.us-east-1"], "snowflake://xy12345.us-east-1.aws"),
      ("snowflake", ["account": "xy12345.east-us-2.azure"], "snowflake://xy12345.east-us-2.azure"),
      ("bigquery", [:], "bigquery"),
      ("databricks", ["host": "dbc-1.cloud.databricks.com", "port": "443"], "databricks://dbc-1.cloud.databricks.com"),
      ("databricks", ["host": "https://dbc-1.cloud.databricks.com/"], "databricks://dbc-1.cloud.databricks.com"),
      ("trino", ["host": "h", "port": "8080"], "trino://h:8080"),
      ("clickhouse", ["host": "h", "port": "8123"], "clickhouse://h:8123"),
      ("dremio", ["software_host": "h", "port": "9047"], "dremio://h:9047"),
      ("sqlserver", ["server": "h", "port": "1433"], "mssql://h:1433"),
      ("fabric", ["server": "h"], "fabric-warehouse://h"),
      ("athena", ["region_name": "eu-west-1"], "awsathena://athena.eu-west-1.amazonaws.com"),
      ("glue", ["region": "eu-west-1", "account_id": "1234"], "arn:aws:glue:eu-west-1:1234"),
      ("glue", ["region": "eu-west-1", "role_arn": "arn:aws:iam::1234:role/r"], "arn:aws:glue:eu-west-1:1234"),
      ("spark", ["host": "h", "method": "thrift"], "spark://h:10001"),
      ("spark", ["host": "h", "method": "http"], "spark://h:443"),
      ("duckdb", ["path": "/data/x.duckdb"], "duckdb:///data/x.duckdb"),
    ])
  func theReferenceNamesThemSo(_ type: String, _ details: [String: String], _ expected: String) {
    #expect(namespace(type, details) == expected)
    #expect(namespace("adapter", details, adapter: type) == expected, "the artifacts say which adapter it is")
  }

  @Test func theSpecificationDiffersForRedshiftAndDatabricks() {
    let spec = DatasetNaming(style: .spec)
    let cluster = ["host": "mine.abc123.us-west-2.redshift.amazonaws.com", "port": "5439"]
    #expect(namespace("redshift", cluster, spec) == "redshift://mine.us-west-2:5439")
    let workgroup = ["host": "wg.4433.eu-west-1.redshift-serverless.amazonaws.com"]
    #expect(namespace("redshift", workgroup, spec) == "redshift://wg.eu-west-1:5439")
    #expect(namespace("redshift", ["host": "proxy.example"], spec) == "redshift://proxy.example:5439")
    #expect(namespace("databricks", ["host": "h"], spec) == "unitycatalog://h")
    #expect(namespace("snowflake", ["account": "acme-prod"], spec) == "snowflake://acme-prod")
  }

  @Test func theConfigurationWins() {
    let naming = DatasetNaming(namespace: "all", ofProjects: [5: "five"])
    #expect(namespace("bigquery", [:], naming) == "five")
    #expect(naming.namespace(project: 6, adapter: "bigquery", connection: nil) == "all")
    #expect(naming.namespace(project: nil, adapter: nil, connection: nil) == "all")
  }

  @Test func withoutAConnectionTheAdapterIsAllThatIsKnown() {
    let naming = DatasetNaming()
    #expect(naming.namespace(project: 5, adapter: "snowflake", connection: nil) == "snowflake")
    #expect(naming.namespace(project: 5, adapter: "Bigquery", connection: nil) == "bigquery")
    #expect(naming.namespace(project: 5, adapter: nil, connection: nil) == "dbt")
    #expect(namespace("redshift", [:]) == "redshift")
    #expect(namespace("something_new", ["host": "h"]) == "something_new")
    #expect(namespace("", [:]) == "dbt")
  }
}
