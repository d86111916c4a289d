import DbtCloudStandIn
import ExecutionModel
import JSONText
import TestServers

/// The stand-in without a socket.
struct Answers {
  let standIn: StandIn
  static let created = Instant(microseconds: 1_795_219_569_765_308)

  init(_ runs: [StandInRun]) { standIn = StandIn(runs: runs) }

  func get(
    _ path: String, _ query: [(String, String)] = [], token: String? = "t", method: String = "GET"
  ) throws -> (status: Int, body: JSONValue) {
    let answer = standIn.answer(
      StandInRequest(
        method: method, path: path, query: query, authorization: token.map { "Token \($0)" }))
    return (answer.status, try JSONValue(parsing: Self.bytes(answer)))
  }

  static func bytes(_ answer: StandInAnswer) throws -> [UInt8] {
    switch answer.body {
    case .bytes(let bytes): return bytes
    case .file(let path):
      return Array(try JSONDocument(readingFile: path).read { try $0.rawText() }.utf8)
    }
  }
}

/// Ids of the runs in an answer.
func ids(_ body: JSONValue) -> [Int64] { body["data"]?.arrayValue?.compactMap { $0["id"]?.integerValue } ?? [] }

func folder(_ name: String) throws -> ArtifactFolder {
  guard let folder = ArtifactFolder(path: Fixtures.path("dbt/\(name)")) else {
    throw TestServerError("no artifacts \(name)")
  }
  return folder
}
