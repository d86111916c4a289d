import Glibc

/// Streaming replicas of a throwaway server.
extension PostgresServer {
  /// What a server must be started with so that it can have replicas.
  public static let replicable = ["wal_level": "replica", "max_wal_senders": "4", "wal_writer_delay": "10ms"]

  /// Starts a hot standby that streams from this server, by its unix socket.
  ///
  /// - Parameter settings: override those of this server.
  public func startReplica(settings changes: [String: String] = [:]) async throws -> PostgresServer {
    let folder = try TemporaryFolder(owner: getuid() == 0 ? Self.superuser : nil)
    let copied = try await Subprocess.run(
      asUser(
        Self.superuser,
        [
          "\(binaries)/pg_basebackup", "-h", socketFolder, "-p", String(port), "-U", Self.superuser, "-D",
          folder.file("data"), "-X", "stream", "-c", "fast", "--no-sync", "-R",
        ]), workingDirectory: "/")
    guard copied.status == 0 else { throw TestServerError("pg_basebackup: \(copied.errorText)") }
    let replica = PostgresServer(
      binaries: binaries, folder: folder, port: try freePort(), settings: settings.merging(changes) { $1 })
    try await replica.launch()
    return replica
  }

  /// Waits until a replica shows what has been committed here.
  public func waitForReplay(by replica: PostgresServer) async throws {
    let position = try await execute("SELECT pg_logical_emit_message(true, 'replayed', '')")
    try await eventually("replay up to \(position)") {
      try await replica.execute("SELECT pg_last_wal_replay_lsn() >= '\(position)'") == "t"
    }
  }
}
