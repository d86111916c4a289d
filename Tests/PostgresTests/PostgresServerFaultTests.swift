import Postgres
import TestServers
import Testing

/// Faults of a whole server, on servers of their own.
@Suite struct PostgresServerFaultTests {
  @Test func aServerThatStopsAnsweringCostsNoMoreThanDeadlineAndGrace() async throws {
    let server = try await PostgresServer.start()
    let connection = server.connection(connectTimeout: 3)
    let backend = try await connection.backend()
    server.pause()
    let error = try await connection.error {
      _ = try await $0.rows("SELECT 1", limits: TransactionLimits(deadline: 2)) { _ in 0 }
    }
    #expect(error.kind == .deadline && error.isSafeToRetry, "\(error)")
    #expect(await connection.isConnected == false)
    // The kernel takes the connection; the server never greets.
    let refused = try await connection.error { try await $0.connect() }
    #expect(refused.kind == .connect && refused.isSafeToRetry, "\(refused)")
    server.resume()
    try await eventually(within: 30, "an answer after the pause") {
      (try? await connection.text("SELECT 'back'")) == "back"
    }
    #expect(try await connection.backend() != backend)
    try await server.stop()
  }

  @Test func aRestartedServerIsUsedAgain() async throws {
    let server = try await PostgresServer.start()
    let connection = server.connection()
    let task = Task { try await connection.rows("SELECT pg_sleep(600)") { _ in 0 } }
    try await eventually(within: 20, "the query") {
      try await server.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
    }
    try await server.stop()
    let lost = try await connection.error { _ in _ = try await task.value }
    #expect(lost.kind == .lost && lost.isSafeToRetry, "\(lost)")
    let down = try await connection.error { _ = try await $0.text("SELECT 1") }
    #expect(down.kind == .connect && down.isSafeToRetry, "\(down)")
    try await server.startAgain()
    #expect(try await connection.text("SELECT 'back'") == "back")
    // Restarted while idle: nobody notices.
    try await server.restart()
    #expect(try await connection.text("SELECT 'back'") == "back")
    try await server.stop()
  }
}
