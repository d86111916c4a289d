import Testing

@testable import Configuration

struct DataSourceCheckTests {
  private func check(_ text: String, inline: Bool = false, passwordKey: Bool = false) throws -> DataSourceCheck {
    DataSourceCheck(dsn: try DataSourceName(parsing: text), inlineSecretsAllowed: inline, hasPasswordKey: passwordKey)
  }

  @Test(arguments: [
    "dbname=x", "host=/run/pg", "host=127.0.0.1 user=a", "host=db sslmode=disable", "host=db sslmode=verify-full",
    "service=prod", "service=prod host=db", "postgresql://db/x?ssl=true",
    "postgresql://a:5432,b:5433/x?sslmode=require",
  ])
  func whatIsRightIsAccepted(_ text: String) throws {
    #expect(try check(text).errors == [])
    #expect(try check(text).warnings == [])
  }

  @Test func aRemoteHostNeedsAnExplicitSslmode() throws {
    let errors = try check("host=db.example dbname=x").errors
    #expect(errors.count == 1)
    for word in ["`db.example`", "verify-full", "verify-ca", "require", "prefer", "allow", "disable"] {
      #expect(errors[0].contains(word))
    }
    #expect(try check("host=db sslmode=").errors.count == 1)
  }

  @Test func anUnknownSslmodeIsRefused() throws {
    #expect(try check("host=/run sslmode=verify_full").errors[0].hasSuffix("; did you mean verify-full?"))
  }

  @Test func aPasswordIsRefusedUnlessAllowed() throws {
    #expect(try check("host=/run password=hunter2").errors[0].contains("password_file"))
    #expect(try check("host=/run password=hunter2", inline: true).errors == [])
    #expect(try check("host=/run sslpassword=hunter2").errors.count == 1)
    #expect(try check("host=/run sslpassword=hunter2", inline: true).errors == [])
    #expect(try check("host=/run password=a", inline: true, passwordKey: true).errors[0].contains("in one place"))
  }

  @Test(arguments: ["port=x", "port=0", "port=65536", "port=1,99999", "port=-1"])
  func aPortIsANumber(_ port: String) throws {
    #expect(try check("host=/run \(port)").errors.count == 1)
  }

  @Test func anUnknownKeywordIsAWarningThatQuotesOnlyNearMisses() throws {
    #expect(try check("host=/run dbnam=x").warnings == ["unknown keyword `dbnam`; did you mean dbname?"])
    // The tail of a password that should have been quoted.
    let warnings = try check("host=/run user=a hunter2hunter2=b").warnings
    #expect(warnings.count == 1 && !warnings[0].contains("hunter2"))
  }
}
