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
    (#"{"apiKey":"x","X-Api-Key":"y","private-key":"z"}"#, #"{"apiKey":"***","X-Api-Key":"***","private-key":"***"}"#),
    (#"{"fields_name":"a","threads_num":1,"map_wd":"b"}"#, #"{"fields_name":"a","threads_num":1,"map_wd":"b"}"#),
    (
      #"{"env":[{"name":"DB_PASSWORD","value":"x"},{"name":"MODE","value":"y"}]}"#,
      #"{"env":[{"name":"DB_PASSWORD","value":"***"},{"name":"MODE","value":"y"}]}"#
    ),
    (#"{"a":"{\"token\": \"x\", \"b\": 1.0}"}"#, #"{"a":"{\"token\":\"***\",\"b\":1.0}"}"#),
    (#"{"a":"{\"b\":  1}"}"#, #"{"a":"{\"b\":  1}"}"#),
    (#"{"a":"{\"b\":\"{\\\"token\\\":\\\"x\\\"}\"}"}"#, #"{"a":"{\"b\":\"{\\\"token\\\":\\\"***\\\"}\"}"}"#),
    (#"{"dsn_of":"x","a":"host=h password=x dbname=d"}"#, #"{"dsn_of":"***","a":"host=h password=*** dbname=d"}"#),
    (#"{"a":"https://h/?x=1&access_token=y&z=2"}"#, #"{"a":"https://h/?x=1&access_token=***&z=2"}"#),
    (#"{"uri":"https://u@h/a:b@c"}"#, #"{"uri":"https://u@h/a:b@c"}"#),
    (#"{"uri":"https://h:1/a"}"#, #"{"uri":"https://h:1/a"}"#),
    (#"{"uri":"amqp://u:p/w@h"}"#, #"{"uri":"amqp://u:***@h"}"#), (#"["a@b://"]"#, #"["a@b://"]"#),
    ("[1", #"{"opaque":"unreadable","bytes":2}"#),
  ]

  @Test(arguments: examples) func secretsAreMaskedAndAllElseIsKept(_ example: (conf: String, redacted: String)) {
    #expect(Redaction.standard.redacted(RawJSON(example.conf)).text == example.redacted)
  }

  @Test(arguments: [
    "access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password", "private_key", "secret",
    "token",
    "keyfile_dict", "service_account", "connection_string", "aws_secret_access_key", "Authorization", "X-Auth-Token",
  ]) func namesThatAirflowMasksAreMasked(_ name: String) {
    #expect(Redaction.standard.isSensitive(name))
  }

  @Test(arguments: [
    ("Authorization: Bearer abc.def", "Authorization: Bearer ***"), ("sent Bearer abcdefgh1 to", "sent Bearer *** to"),
    ("the bearer of news", "the bearer of news"),
    ("Authorization: Token dbtc_1, more", "Authorization: Token ***, more"),
    ("PASSWORD='a b' x=1", "PASSWORD='***' x=1"), (#"cut: {"password": "abc"#, #"cut: {"password": "***"#),
    (#"{"password":{"a":"b"#, #"{"password":***"#), (#"log \"token\": \"x\" y"#, #"log \"token\": \"***\" y"#),
    ("token = x", "token = ***"), ("token: ", "token: "),
    ("image: r/secret-service:1.2", "image: r/secret-service:1.2"),
    ("https://proxy:8080/a", "https://proxy:8080/a"), ("secret=None", "secret=None"),
    ("no secret here", "no secret here"),
    ("https://ghp_0123456789abcdef@github.com/x", "https://***@github.com/x"), ("password=***", "password=***"),
    ("", ""), ("=", "="), (":", ":"), ("password=", "password="), ("ärger_password=ß", "ärger_password=***"),
  ]) func secretsInTextAreMasked(_ example: (text: String, redacted: String)) {
    #expect(Redaction.standard.redacted(example.text) == example.redacted)
  }

  @Test func moreNamesCanBeGiven() {
    let redaction = Redaction(names: ["Iban", "card_number"])
    let conf = RawJSON(#"{"CustomerIBAN":"x","cardNumber":1,"password":"y","name":"z"}"#)
    #expect(
      redaction.redacted(conf).text == #"{"CustomerIBAN":"***","cardNumber":"***","password":"***","name":"z"}"#)
  }

  @Test func whatIsRedactedStaysAsItIs() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let pieces = [
      "password", "token", "=", ":", " ", "\"", "'", "\\", "://", "@", "u", "h.example", "{", "}", "[", "]", ",",
      "Bearer ",
      "abcdefghij", "&", "?", "é", "***", "\n",
    ]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      let once = Redaction.standard.redacted(text)
      #expect(Redaction.standard.redacted(once) == once, "seed \(seed): \(text)")
    }
  }

  @Test(arguments: ["user", "dag_id", "dry_run", "date", "passenger"]) func otherNamesAreNot(_ name: String) {
    #expect(!Redaction.standard.isSensitive(name))
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
      let redacted = Redaction.standard.redacted(conf).text
      #expect(!redacted.contains("canary"), "seed \(seed)")
      #expect((try? JSONValue(parsing: redacted)) != nil, "seed \(seed)")
    }
  }

  @Test func aRecordWithDefaultOptionsHidesSecrets() {
    #expect(!text(fullRecord()).contains("hunter2"))
    #expect(text(fullRecord(), options: RecordOptions(conf: .keep)).contains("hunter2"))
  }
}
