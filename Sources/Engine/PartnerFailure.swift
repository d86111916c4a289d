import AirflowSource
import DbtCloud
import Ledger
import Postgres

/// A failure in words that stay the same while it lasts, so that it is logged once, and in full.
struct PartnerFailure {
  /// A short, stable word.
  var cause: String
  var detail: String

  init(_ error: any Error) {
    switch error {
    case let error as AirflowSourceError: cause = error.cause.map(Self.word) ?? error.kind.rawValue
    case let error as DbtCloudError: cause = Self.word(error.kind)
    case let error as LedgerError: cause = error.isLimit ? "limit" : "\(error.kind)"
    default: cause = "\(type(of: error))"
    }
    detail = "\(error)"
  }

  // A connection that breaks cannot be opened again for a while, or hangs: one outage.
  private static func word(_ error: PostgresError) -> String {
    switch error.kind {
    case .connect, .lost, .deadline: "unreachable"
    default: error.kind.rawValue
    }
  }

  private static func word(_ kind: DbtCloudError.Kind) -> String {
    switch kind {
    case .invalidURL: "invalid-url"
    case .noToken: "no-token"
    case .notFound: "not-found"
    case .refused: "refused"
    case .rateLimited: "rate-limited"
    case .unavailable: "unavailable"
    case .redirected: "redirected"
    case .notJSON: "not-json"
    case .tooLarge: "too-large"
    case .cannotWrite: "cannot-write"
    case .unexpected: "unexpected"
    }
  }
}
