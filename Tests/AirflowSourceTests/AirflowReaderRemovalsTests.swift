import ExecutionModel
import TestServers
import Testing

@testable import AirflowSource

@Suite struct AirflowReaderRemovalsTests {
  /// As `airflow db clean` does it: copies what started before into a table, then deletes it; the newest run of each DAG
  /// is spared.
  private static func clean(before id: Int, archive: Bool) -> String {
    let old = """
      start_date < (select start_date from dag_run where id = \(id))
        and id not in (select max(id) from dag_run group by dag_id)
      """
    return "set session_replication_role = replica;"
      + (archive ? "create table _airflow_deleted__dag_run__20260301000000 as select * from dag_run where \(old);" : "")
      + "delete from dag_run where \(old);"
  }

  @Test(arguments: ["2.6.3", "2.11.2", "3.3.2"]) func cleanedRunsAreExpiredAndDeletedOnesDeleted(_ version: String)
    async throws
  {
    for (archive, mayRead) in [(true, true), (true, false), (false, true)] {
      let database = try await AirflowDatabase.empty(version)
      try await AirflowDatabase.execute(
        AirflowRows.runs(version, ids: 1...60, tasks: 1, dags: 10)
          + "update dag_run set start_date = start_date + id * interval '1 day';", in: database)
      let owner = try await AirflowDatabase.reader(database)
      let role = PostgresServer.uniqueName("reader")
      let grants = try await owner.probe().grants(role: role).joined(separator: "\n")
      try await AirflowDatabase.execute(
        "create role \(role) login;" + grants
          + (archive && mayRead ? "alter default privileges grant select on tables to \(role);" : ""), in: database)
      let reader = try await AirflowDatabase.reader(database, user: role)
      let schema = try await reader.probe()
      let known = try await reader.wholeHistory(schema).map(\.run)
      try await AirflowDatabase.execute(Self.clean(before: 20, archive: archive), in: database)
      try await AirflowDatabase.execute("delete from dag_run where id in (45, 60)", in: database)

      let sweep = try await reader.sweep(SweepRequest(), schema: schema)
      #expect(sweep.hasArchiveTables == archive)
      #expect(sweep.oldestID == 20)
      let unseen = sweep.unseen(of: known.map(\.sourceID))
      let missing = try await reader.snapshots(of: unseen + [20], schema: schema).missing
      #expect(missing == Array(1...19) + [45, 60])
      let runs = known.filter { missing.contains($0.sourceID) || $0.sourceID == 20 }
      let batch = try await reader.removals(
        of: runs.map { MissingRun(id: $0.sourceID, dagID: $0.key.dagID, startDate: $0.startDate) }, schema: schema)
      #expect(batch.removals.count == 21, "run 20 exists")
      #expect(batch.removals.filter { $0.value == .expired }.keys.sorted() == Array(1...19), "\(version) \(archive)")
      #expect(batch.removals.filter { $0.value == .deleted }.keys.sorted() == [45, 60])
    }
  }

  @Test func aTableThatOnlyLooksLikeACleansDoesNoHarm() async throws {
    let database = try await AirflowDatabase.empty("3.3.2")
    try await AirflowDatabase.execute(
      AirflowRows.runs("3.3.2", ids: 1...5, tasks: 1)
        + """
        create table "_airflow_deleted__dag_run__x"" ; drop table dag_run; --" (id int);
        create table _airflow_deleted__dag_run__y (other int);
        create table _airflow_deleted__dag_run__z (id text);
        insert into "_airflow_deleted__dag_run__x"" ; drop table dag_run; --" values (3);
        delete from dag_run where id in (3, 4);
        """, in: database)
    let reader = try await AirflowDatabase.reader(database)
    let batch = try await reader.removals(
      of: [3, 4].map { MissingRun(id: $0, dagID: "dag_\($0)", startDate: Instant(microseconds: .max)) },
      schema: try await reader.probe())
    #expect(batch.removals == [3: .expired, 4: .deleted])
  }

  @Test func nothingMissingIsNothingToJudge() async throws {
    let reader = try await AirflowDatabase.reader(try await AirflowDatabase.empty("2.11.2"))
    #expect(try await reader.removals(of: [], schema: try await reader.probe()).removals == [:])
  }
}
