import Testing

@testable import Ledger

struct LedgerErrorTests {
  private static let kinds: [LedgerError.Kind] = [
    .newerSchema(found: 3, known: 2), .olderSchema(found: 1, known: 2), .notALedger, .missing, .inUse, .full, .readOnly,
    .corrupt, .busy, .unmade, .unreachable, .refused, .denied, .other,
  ]

  @Test(arguments: kinds) func everyErrorNamesTheLedger(_ kind: LedgerError.Kind) {
    let text = LedgerError(kind, path: "/var/lib/x/ledger.db", detail: "why").description
    #expect(text.hasPrefix("ledger /var/lib/x/ledger.db "))
    #expect(text.hasSuffix(" [why]"))
  }

  @Test func onlyWhatHealsByItselfIsTransient() {
    #expect(Self.kinds.filter { LedgerError($0, path: "").isTransient } == [.full, .busy, .unreachable])
  }
}
