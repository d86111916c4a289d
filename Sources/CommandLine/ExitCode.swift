/// How a command ends, for scripts and systemd. The numbers from 64 are those of sysexits(3).
public enum ExitCode: Int32, Sendable, CaseIterable {
  case ok = 0
  case failed = 1
  case down = 2
  case usage = 64
  case unavailable = 69
  case internalError = 70
  case ioError = 74
  case temporary = 75
  case configuration = 78

  /// What it means, for the help.
  public var meaning: String {
    switch self {
    case .ok: "done; `status`: healthy; `sync`: nothing left to do"
    case .failed:
      "`status`: degraded; `sync`, `ingest`: something failed or is parked; `runs show`, `checks show`, `why`: nothing of that name, or several"
    case .down: "`status`: down"
    case .usage: "the command line is wrong"
    case .unavailable: "a database or service that is needed does not answer"
    case .internalError: "a fault of the program itself"
    case .ioError: "a file cannot be read or written"
    case .temporary: "not now; the same command may succeed later"
    case .configuration: "the configuration is wrong; nothing was started"
    }
  }
}
