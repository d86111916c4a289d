import Testing

@testable import CommandLine

struct CommandTableTests {
  private let table = CommandTable.standard

  @Test func namesAreUniqueInEveryCommand() {
    for command in table.commands {
      let options = table.options(of: command)
      let names = options.map(\.name) + options.compactMap { $0.short.map { "-\($0)" } }
      #expect(Set(names).count == names.count, "\(command.name): \(names)")
    }
    #expect(Set(table.commands.map(\.name)).count == table.commands.count)
  }

  /// The parser finds the command before it knows the command's options.
  @Test func anOptionMeansTheSameInEveryCommand() {
    var byName: [String: CommandOption] = [:]
    for option in table.globalOptions + table.commands.flatMap(\.options) {
      for name in [option.name] + (option.short.map { ["-\($0)"] } ?? []) {
        #expect(byName[name] == nil || byName[name] == option, "\(name)")
        byName[name] = option
      }
    }
  }

  @Test func everyDefaultIsAValueThatMayBeGiven() {
    for option in table.globalOptions + table.commands.flatMap(\.options) {
      if let fallback = option.fallback { #expect(option.problem(with: fallback) == nil, "\(option.name)") }
      #expect(option.documentation.hasSuffix("."), "\(option.name)")
      #expect((option.value == .none) == option.placeholder.isEmpty, "\(option.name)")
    }
  }
}
