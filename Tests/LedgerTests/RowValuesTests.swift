import Testing

@testable import Ledger

struct RowValuesTests {
  @Test(arguments: [[], [""], ["a"], ["a", "b"], ["\n", "\"", "\\", "\u{0}", "é", "[]"], ["", ""]])
  func aListOfNamesComesBack(_ list: [String]) {
    #expect(NameList.list(NameList.text(list)) == list)
  }
}
