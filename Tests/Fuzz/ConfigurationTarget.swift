@testable import Configuration

/// A configuration file, and its text as each of the values that have a grammar of their own.
enum ConfigurationTarget {
  static func run(_ input: [UInt8]) {
    let file = MemoryFile()
    file.hold(input)
    do {
      let (configuration, warnings) = try Configuration.load(path: file.path)
      must(
        !configuration.airflow.isEmpty || !configuration.dbtArtifacts.isEmpty || !configuration.dbtCloud.isEmpty,
        "an accepted configuration has something to read")
      for problem in warnings { must(!problem.message.isEmpty, "a warning says what is noteworthy") }
      for instance in configuration.airflow { checkAgain(instance.dsn) }
    } catch {
      must(!error.problems.isEmpty, "an error names a problem")
      must(error.problems.allSatisfy { !$0.message.isEmpty }, "a problem says what it is")
    }
    checkValues(String(decoding: input, as: UTF8.self))
  }

  private static func checkValues(_ text: String) {
    if let length = Duration(configured: text) {
      must(Duration(configured: length.configuredText) == length, "a length of time reads as it is written")
    }
    if let url = try? EndpointURL(parsing: text) { must(!url.host.isEmpty, "a URL has a host") }
    if let dsn = try? DataSourceName(parsing: text) { checkAgain(dsn) }
  }

  /// What is handed to libpq says the same as what was read.
  private static func checkAgain(_ dsn: DataSourceName) {
    guard !dsn.conninfo.isEmpty else { return }
    do {
      let again = try DataSourceName(parsing: dsn.conninfo)
      must(again.conninfo == dsn.conninfo, "a connection string reads as it is written")
    } catch {
      must(false, "a connection string can be read again: \(error.message)")
    }
  }
}
