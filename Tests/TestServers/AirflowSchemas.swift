import FoundationEssentials

/// The schemas of real Airflows, one file of `Tests/Fixtures/airflow/schema` each.
public enum AirflowSchemas {
  /// A name for each file, in order: the release, the newest one where several share a schema, `3.3.2-upgraded` for a
  /// database that was made by 2.11.2 and upgraded to 3.3.2.
  public static let versions = files.compactMap(\.last).sorted()

  /// All releases that the files stand for, each with the name of its file among ``versions``.
  public static let releases = files.flatMap { names in names.map { (release: $0, version: names.last ?? $0) } }

  /// The file's path below `Tests/Fixtures`, whichever of its releases is named.
  public static func path(of version: String) throws -> String {
    guard let names = files.first(where: { $0.contains(version) }) else {
      throw TestServerError("no schema of Airflow \(version) in Tests/Fixtures/\(folder)")
    }
    return "\(folder)/\(names.joined(separator: "_")).sql"
  }

  /// The migrations' head that belongs to the schema, from the file's first line.
  public static func head(of version: String) throws -> String {
    String(try Fixtures.text(try path(of: version)).prefix { $0 != "\n" }.suffix(12))
  }

  private static let folder = "airflow/schema"

  /// `2.10.5_2.11.2.sql` stands for two releases.
  private static let files: [[String]] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder))) ?? []
    return names.filter { $0.hasSuffix(".sql") }.map { $0.dropLast(4).split(separator: "_").map(String.init) }
  }()
}
