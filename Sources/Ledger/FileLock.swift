import Glibc

/// An advisory lock on a file beside the ledger: one syncer per ledger. Given back when the process ends, however.
final class FileLock {
  private let descriptor: Int32

  static func path(of ledger: String) -> String { ledger + ".lock" }

  init(ledger: String) throws {
    descriptor = Glibc.open(Self.path(of: ledger), O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else {
      throw LedgerError(
        errno == EROFS || errno == EACCES ? .readOnly : errno == ENOSPC ? .full : .missing, path: ledger)
    }
    // Whoever asks for `status` holds the lock for a moment.
    for _ in 0..<20 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
      usleep(10_000)
    }
    Glibc.close(descriptor)
    throw LedgerError(.inUse, path: ledger)
  }

  deinit {
    // A child that is just being started has the descriptor too, and would keep the lock until it runs.
    flock(descriptor, LOCK_UN)
    Glibc.close(descriptor)
  }

  /// Whether a syncer holds the lock.
  static func isHeld(_ path: String) -> Bool {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer {
      flock(descriptor, LOCK_UN)
      Glibc.close(descriptor)
    }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }
}
