import TestServers
import Testing

@testable import Sinks

struct TokenKeeperTests {
  @Test func aTokenIsReadOnceWhileItIsGood() async throws {
    let reads = Box(0)
    let keeper = TokenKeeper {
      reads.value += 1
      return "a"
    }
    for _ in 0..<5 { #expect(try await keeper.current() == "a") }
    #expect(reads.value == 1)
  }

  @Test func aRefusedTokenIsReadAgainOnceForAllThatUsedIt() async throws {
    let text = Box("old")
    let reads = Box(0)
    let keeper = TokenKeeper {
      reads.value += 1
      return text.value
    }
    _ = try await keeper.current()
    text.value = "new"
    for _ in 0..<4 { #expect(await keeper.successor(of: "old") == "new") }
    #expect(try await keeper.current() == "new")
    #expect(reads.value == 2)
  }

  @Test func aTokenWithoutSuccessorIsReadAgainAtTheNextTry() async throws {
    let text = Box("old")
    let keeper = TokenKeeper { text.value }
    _ = try await keeper.current()
    #expect(await keeper.successor(of: "old") == nil)
    text.value = "new"
    #expect(try await keeper.current() == "new")
  }

  @Test func aTokenThatCannotBeReadSaysSoAtTheNextTry() async throws {
    let isThere = Box(true)
    let keeper = TokenKeeper {
      guard isThere.value else { throw TestServerError("no such file") }
      return "old"
    }
    _ = try await keeper.current()
    isThere.value = false
    #expect(await keeper.successor(of: "old") == nil)
    await #expect(throws: TestServerError.self) { try await keeper.current() }
    isThere.value = true
    #expect(try await keeper.current() == "old")
  }
}
