import Testing

@testable import Configuration

struct DataSourceNameTests {
  private func pairs(_ text: String) throws -> [String] {
    try DataSourceName(parsing: text).parameters.map { "\($0.keyword)=\($0.value)" }
  }

  @Test func keywordsAreReadAsLibpqReadsThem() throws {
    #expect(
      try pairs(#" host = db.example  port=6543 user='o\'brien x' dbname=a\ b password= "#)
        == ["host=db.example", "port=6543", "user=o'brien x", "dbname=a b", "password="])
    #expect(try pairs("host=a host=b") == ["host=b"])
    #expect(try pairs(#"options='-c x=\\y'"#) == [#"options=-c x=\y"#])
    #expect(try pairs("host=a\tport=1\n") == ["host=a", "port=1"])
  }

  @Test func urisAreReadAsLibpqReadsThem() throws {
    #expect(
      try pairs("postgresql://us%40er:p%3Aw@h1:5432,[::1]:5433,h3/air%20flow?sslmode=require&connect_timeout=3") == [
        "user=us@er", "password=p:w", "host=h1,::1,h3", "port=5432,5433,", "dbname=air flow", "sslmode=require",
        "connect_timeout=3",
      ])
    #expect(try pairs("postgres://") == [])
    #expect(try pairs("postgresql:///airflow?host=/run/postgresql") == ["dbname=airflow", "host=/run/postgresql"])
    #expect(try pairs("postgresql://%2Frun%2Fpg/airflow") == ["host=/run/pg", "dbname=airflow"])
    #expect(try pairs("POSTGRESQL://h?ssl=true") == ["host=h", "sslmode=require"])
    #expect(try pairs("postgresql://u:a:b@h") == ["user=u", "password=a:b", "host=h"])
  }

  @Test(arguments: [
    "", "   ", "airflow", "host", "=x", "host=a secretword", "password='hunter2",
    "postgresql+psycopg2://u:hunter2@h/db",
    "mysql://u:hunter2@h/db", "jdbc:postgresql://h/db?password=hunter2", "postgresql://u:hunter2%zz@h",
    "postgresql://u:hunter2%00@h", "postgresql://[::1", "postgresql://[::1]x/db", "postgresql://h?hunter2",
    "postgresql://h?=hunter2", "postgresql://h?password=hunter2%C3",
    "postgresql://h/db?a%3D1%20host%3Dhunter2%20b=2", "postgresql://h?pass%27hunter2=1", "postgresql://h?hunter2%5C=1",
    "host=a\0 password=hunter2", "postgresql://h/hunter2\0",
    "\npostgresql://h=hunter2", "hunter2'=x", "hunter2\\x=y",
  ])
  func whatCannotBeReadIsRefusedWithoutQuotingIt(_ text: String) {
    #expect {
      try DataSourceName(parsing: text)
    } throws: { error in
      guard let problem = error as? DataSourceName.Problem else { return false }
      return !problem.message.isEmpty && !problem.message.contains("hunter2") && !problem.message.contains("secretword")
    }
  }

  @Test(arguments: [
    ("dbname=x", nil), ("host=/run/postgresql", nil), ("host=@abstract", nil), ("host=localhost", nil),
    ("host=127.0.0.5", nil), ("host=::1", nil), ("host=db", "db"), ("host=localhost,db", "db"),
    ("host=localhost hostaddr=10.0.0.1", "10.0.0.1"), ("host=db hostaddr=127.0.0.1", nil),
    ("host=127.0.0.1.evil", "127.0.0.1.evil"),
    ("host=127.evil.0.1", "127.evil.0.1"), ("postgresql://localhost,h2/x", "h2"), ("host=", nil),
  ])
  func whatIsRemoteIsFound(_ text: String, _ host: String?) throws {
    #expect(try DataSourceName(parsing: text).firstRemoteHost == host)
  }

  @Test func theConnectionStringForLibpqHasNoPasswordAndReadsBackTheSame() throws {
    var dsn = try DataSourceName(parsing: #"postgresql://u:hunter2@db/a'b%5Cc?options=-c%20x%3D1"#)
    #expect(dsn.conninfo == #"user='u' host='db' dbname='a\'b\\c' options='-c x=1'"#)
    dsn.remove("password")
    #expect(try DataSourceName(parsing: dsn.conninfo) == dsn)
  }

  @Test func readingBackHoldsForAnyValue() throws {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed)
    // The last is a mark that joins the letter before it.
    let letters = Array(" '\\=abc\t\"@:/?&é%,\u{301}".unicodeScalars)
    for _ in 0..<2000 {
      var dsn = try DataSourceName(parsing: "host=x")
      for keyword in ["user", "dbname", "options"] {
        var value = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...8, using: &random) { value.append(letters.randomElement(using: &random)!) }
        dsn.set(keyword, String(value))
      }
      #expect(try DataSourceName(parsing: dsn.conninfo) == dsn, "seed \(seed)")
    }
  }

  @Test func printingItShowsNoPassword() throws {
    let dsn = try DataSourceName(parsing: "host=db password=hunter2 sslpassword=hunter2")
    #expect(dsn.description == "host=db password=*** sslpassword=***")
    var dumped = ""
    dump(dsn, to: &dumped)
    #expect(!dumped.contains("hunter2") && !String(reflecting: dsn).contains("hunter2"))
  }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
