import ExecutionModel
import Testing

struct DbtConnectionTests {
  @Test func nothingIsKeptThatNobodyUses() {
    let connection = DbtConnection(
      name: "wh", type: "redshift", details: ["host": "h", "port": "5439", "password": "p", "user": "u", "region": ""])
    #expect(connection.details == ["host": "h", "port": "5439"])
  }
}
