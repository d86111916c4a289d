import Glibc
import Platform

/// What this process has used so far.
struct ResourceUsage {
  /// Seconds on a clock that is never set.
  var seconds: Double
  /// Seconds of processor time of all threads, in the kernel included.
  var processorSeconds: Double

  static var now: ResourceUsage {
    var processor = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &processor)
    return ResourceUsage(
      seconds: monotonicSeconds(), processorSeconds: Double(processor.tv_sec) + Double(processor.tv_nsec) / 1e9)
  }

  /// The most memory that was ever resident, in MB (2^20 bytes). Not `ru_maxrss`, which counts what ran in this process
  /// before the program.
  static var peakMegabytes: Double { megabytes("VmHWM:") }

  /// Resident memory that no file stands behind, in MB: without what is only mapped.
  static var privateMegabytes: Double { megabytes("RssAnon:") }

  private static func megabytes(_ name: String) -> Double {
    guard let file = fopen("/proc/self/status", "r") else { return .nan }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace)
      if words.count >= 2, words[0] == name, let kilobytes = Double(words[1]) { return kilobytes / 1024 }
    }
    return .nan
  }
}

/// A number with so many digits behind the point.
func fixed(_ value: Double, _ digits: Int = 2) -> String {
  guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let rounded = Int64((value * scale).rounded())
  let fraction = String(rounded.magnitude % UInt64(scale))
  let zeros = String(repeating: "0", count: max(0, digits - fraction.count))
  return (rounded < 0 ? "-" : "") + "\(rounded.magnitude / UInt64(scale))" + (digits > 0 ? ".\(zeros)\(fraction)" : "")
}
