import Glibc

/// Seconds on a clock that is never set: for deadlines and durations, never for what is recorded.
public func monotonicSeconds() -> Double {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

/// Microseconds since 1970 on the machine's clock. For the ledger's own bookkeeping and for screens only: what is sent
/// bears the times of its source.
public func wallClockMicroseconds() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
}
