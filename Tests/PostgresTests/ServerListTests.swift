import Testing

@testable import Postgres

struct ServerListTests {
  private func others(
    host: String = "", hostaddr: String = "", port: String = "", without server: String, _ serverPort: String = "5432"
  ) -> [String: String]? {
    ServerList(host: host, hostaddr: hostaddr, port: port).without(.init(host: server, port: serverPort))
      .map { Dictionary(uniqueKeysWithValues: $0.keywords) }
  }

  @Test func eachGoesWithItsAddressAndItsPort() {
    #expect(
      others(host: "a,b,c", hostaddr: "10.0.0.1,10.0.0.2,10.0.0.3", port: "1,2,3", without: "b", "2")
        == ["host": "a,c", "hostaddr": "10.0.0.1,10.0.0.3", "port": "1,3"])
    #expect(others(host: "a,b", without: "a") == ["host": "b"])
    #expect(others(hostaddr: "::1,127.0.0.1", without: "127.0.0.1") == ["hostaddr": "::1"])
  }

  @Test func onePortMayBeThatOfAll() {
    #expect(others(host: "a,b", port: "6432", without: "b", "6432") == ["host": "a", "port": "6432"])
  }

  @Test func severalMayHaveOneName() {
    #expect(others(host: "a,a", port: "1,2", without: "a", "2") == ["host": "a", "port": "1"])
    #expect(others(host: "a,a", port: "1,", without: "a", "5432") == ["host": "a", "port": "1"])
  }

  @Test func theOnlyOneAndAStrangerAreNotLeftOut() {
    #expect(others(host: "a", without: "a") == nil)
    #expect(others(without: "/var/run/postgresql") == nil)
    #expect(others(host: "a,b", without: "c") == nil)
    #expect(ServerList(host: "", hostaddr: "", port: "").count == 1)
    #expect(ServerList(host: "a,b", hostaddr: "", port: "").count == 2)
  }
}
