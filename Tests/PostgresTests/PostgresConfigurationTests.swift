import Testing

@testable import Postgres

@Suite struct PostgresConfigurationTests {
  @Test(
    arguments: [
      (
        "host=db port=6543 dbname=airflow user=syncer sslmode=verify-full sslrootcert=/etc/ssl/pg.pem",
        [
          "host": "db", "port": "6543", "dbname": "airflow", "user": "syncer", "sslmode": "verify-full",
          "sslrootcert": "/etc/ssl/pg.pem",
        ]
      ),
      (
        "postgresql://u:p%40ss@h1:1,h2:2/airflow?sslmode=require&target_session_attrs=any",
        [
          "user": "u", "password": "p@ss", "host": "h1,h2", "port": "1,2", "dbname": "airflow", "sslmode": "require",
          "target_session_attrs": "any",
        ]
      ),
      ("postgres:///airflow?host=/var/run/postgresql", ["dbname": "airflow", "host": "/var/run/postgresql"]),
      ("service=airflow", ["service": "airflow"]),
      ("password='it''s' host=x", [:]), ("user='a b' password='p\\'q'", ["user": "a b", "password": "p'q"]), ("", [:]),
    ] as [(String, [String: String])]) func keywordsAreRead(conninfo: String, expected: [String: String]) throws
  {
    if conninfo.contains("''s") {
      #expect(throws: PostgresError.self) { try PostgresConfiguration.keywords(of: conninfo) }
    } else {
      #expect(try PostgresConfiguration.keywords(of: conninfo) == expected)
    }
  }

  /// Each contains the password `geheim!` where libpq repeats it or takes it for something else.
  @Test(arguments: [
    "host=db password=my geheim!", "host=db password=a b=geheim!", "host=db password='geheim!",
    "host=db pasword=geheim!", "geheim!", "host=db password=\"x\" geheim!", "postgres://u:geheim!@ss@host/db",
    "postgres://u:ss@geheim!@host/db", "postgres://u:geheim!/ss@host/db", "postgres://u:1/geheim!@host/db",
    "postgres://u:pa?geheim!@host/db", "postgres://u:%geheim!@host/db", "postgresql://u:[geheim!@host/db",
    "postgres://h/db?geheim!=1", "postgres://h/db?password=%zzgeheim!", "host=db port=geheim!", "host=a\u{0}geheim!",
  ]) func aBrokenStringIsNeverRepeated(conninfo: String) {
    do {
      let keywords = try PostgresConfiguration.keywords(of: conninfo)
      // What is understood shows the password nowhere but under its own name.
      #expect(!PostgresConfiguration.target(keywords).contains("geheim"))
    } catch {
      #expect(error.kind == .configuration && !error.isSafeToRetry)
      #expect(!String(reflecting: error).contains("geheim") && !error.description.contains("geheim"))
    }
  }

  @Test(arguments: [UInt64.random(in: 1...UInt64.max)]) func noPieceOfAnyPasswordIsEverShown(seed: UInt64) {
    var random = Seeded(seed)
    let alphabet = Array("@:/?#[]%&='\"\\ ,")
    for _ in 0..<5_000 {
      // "Q" marks what may not be seen; no keyword or host of the templates contains it.
      let secret = (0..<Int.random(in: 1...8, using: &random)).map { _ in
        Bool.random(using: &random) ? "Q" : String(alphabet.randomElement(using: &random) ?? "@")
      }.joined()
      for conninfo in [
        "postgres://user:\(secret)@host/airflow", "postgresql://user:\(secret)@host:5432/airflow?sslmode=require",
        "host=h password=\(secret) user=u",
      ] {
        do {
          let keywords = try PostgresConfiguration.keywords(of: conninfo)
          #expect(
            !PostgresConfiguration.target(keywords).contains("Q"), "seed \(seed): \(conninfo) gives \(keywords)")
        } catch {
          #expect(!error.description.contains("Q"), "seed \(seed): \(conninfo) gives \(error)")
        }
      }
    }
  }

  @Test func theDefaultsAreThoseOfTheDocumentation() {
    let configuration = PostgresConfiguration(conninfo: "", applicationName: "a")
    #expect(configuration.connectTimeout == 10 && configuration.password == nil)
  }
}
