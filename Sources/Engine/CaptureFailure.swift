import AirflowSource
import Ledger

/// Which partner a failure of capture is about, in words that stay the same while it lasts.
struct CaptureFailure {
  /// `ledger` when Airflow is not to blame.
  var partner: String?
  /// A short, stable word.
  var cause: String
  var detail: String

  init(_ error: any Error) {
    switch error {
    case let error as AirflowSourceError:
      cause = error.cause.map { "\(error.kind.rawValue)-\($0.kind)" } ?? error.kind.rawValue
    case let error as LedgerError:
      partner = "ledger"
      cause = "\(error.kind)"
    default: cause = "\(type(of: error))"
    }
    detail = "\(error)"
  }
}
