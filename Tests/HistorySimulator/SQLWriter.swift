import CLibPQ
import Glibc
import TestServers

/// One connection on which Airflow's part is played: plain SQL, every call blocks until the server has answered.
final class SQLWriter {
  private let raw: OpaquePointer

  init(_ conninfo: String) throws {
    guard let raw = PQconnectdb(conninfo) else { throw TestServerError("libpq: out of memory") }
    self.raw = raw
    PQsetNoticeReceiver(raw, { _, _ in }, nil)
    guard PQstatus(raw) == CONNECTION_OK else { throw TestServerError(String(cString: PQerrorMessage(raw))) }
    // Two steps of the simulation that wait for each other are a fault of the simulator.
    try run("SET lock_timeout = '5s'; SET TimeZone = 'UTC'")
  }

  deinit { PQfinish(raw) }

  /// Runs statements in one round trip.
  /// - Returns: the rows of the last one, as text.
  @discardableResult
  func run(_ sql: String) throws -> [[String?]] {
    guard let result = PQexec(raw, sql) else { throw TestServerError("libpq: \(String(cString: PQerrorMessage(raw)))") }
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
      throw TestServerError("\(String(cString: PQresultErrorMessage(result)))in: \(sql)")
    }
    return (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { column in
        PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
      }
    }
  }
}
