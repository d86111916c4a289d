import ExecutionModel
import JSONText
import Records
import Testing

@Suite struct RedactionTests {
  private static let examples: [(String, String)] = [
    ("{}", "{}"), (#"{"a":1}"#, #"{"a":1}"#), (#"{"password":"x"}"#, #"{"password":"***"}"#),
    (#"{"DB_PassWord_2":"x"}"#, #"{"DB_PassWord_2":"***"}"#), (#"{"token":{"a":["x"]}}"#, #"{"token":"***"}"#),
    (#"{"secret":123}"#, #"{"secret":"***"}"#), (#"{"secret":null}"#, #"{"secret":null}"#),
    (#"{"a":[{"api_key":"x"},{"b":{"apikey":"y"}}]}"#, #"{"a":[{"api_key":"***"},{"b":{"apikey":"***"}}]}"#),
    (#"{"z":1.50,"a":2}"#, #"{"z":1.50,"a":2}"#),
    (#"{"secret":"a","secret":"b"}"#, #"{"secret":"***","secret":"***"}"#),
    (#"{"uri":"postgresql://u:p@h:5432/db?x=1"}"#, #"{"uri":"postgresql://u:***@h:5432/db?x=1"}"#),
    (#"{"uri":"see https://u:p@h/ and ftp://v:q@i."}"#, #"{"uri":"see https://u:***@h/ and ftp://v:***@i."}"#),
    (#"{"uri":"https://u@h/a:b@c"}"#, #"{"uri":"https://u@h/a:b@c"}"#),
    (#"{"uri":"https://h:1/a"}"#, #"{"uri":"https://h:1/a"}"#),
    (#"{"uri":"amqp://u:p/w@h"}"#, #"{"uri":"amqp://u:***@h"}"#), (#"["a@b://"]"#, #"["a@b://"]"#),
    ("[1", #"{"opaque":"unreadable","bytes":2}"#),
  ]

  @Test(arguments: examples) func secretsAreMaskedAndAllElseIsKept(_ example: (conf: String, redacted: String)) {
    #expect(Redaction.redacted(RawJSON(example.conf)).text == example.redacted)
  }

  @Test(arguments: [
    "access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password", "private_key", "secret",
    "token",
    "keyfile_dict", "service_account", "connection_string", "aws_secret_access_key", "Authorization", "X-Auth-Token",
  ]) func namesThatAirflowMasksAreMasked(_ name: String) {
    #expect(Redaction.isSensitive(name))
  }

  @Test(arguments: ["user", "dag_id", "dry_run", "date", "passenger"]) func otherNamesAreNot(_ name: String) {
    #expect(!Redaction.isSensitive(name))
  }

  @Test func noCanaryEverGetsThrough() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let sensitive = ["password", "MY_TOKEN", "clientSecret", "x-api_key", "authorization"]
    func value(_ depth: Int, secret: Bool) -> JSONValue {
      switch Int.random(in: 0...(depth > 4 ? 1 : 4), using: &random) {
      case 0: .string(secret ? "canary" : "plain")
      case 1: secret ? .string("a canary b") : .number("7")
      case 2: .array((0..<3).map { _ in value(depth + 1, secret: secret) })
      default:
        .object(
          (0..<3).map { index in
            let hides = secret || Bool.random(using: &random)
            let name = hides && !secret ? sensitive.randomElement(using: &random) ?? "password" : "plain\(index)"
            return .init(name, value(depth + 1, secret: hides))
          })
      }
    }
    for _ in 0..<2_000 {
      let conf = JSONValue.object([.init("top", value(0, secret: false))]).rawJSON
      let redacted = Redaction.redacted(conf).text
      #expect(!redacted.contains("canary"), "seed \(seed)")
      #expect((try? JSONValue(parsing: redacted)) != nil, "seed \(seed)")
    }
  }

  @Test func aRecordWithDefaultOptionsHidesSecrets() {
    #expect(!text(fullRecord()).contains("hunter2"))
    #expect(text(fullRecord(), options: RecordOptions(conf: .keep)).contains("hunter2"))
  }
}
