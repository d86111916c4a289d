import ExecutionModel

/// How Airflow's OpenLineage provider derives its run ids; they changed twice. Ours have to be made the same way to
/// join its events.
public enum ProviderScheme: String, Hashable, Sendable, CaseIterable {
  /// Provider 2.0.0 and later (apache/airflow#43936, #44617; unchanged in 2.20.3).
  case since2 = ">=2.0"
  /// Read in 1.14.0; somewhere after 1.8.0 it replaced the older scheme.
  case from1_9 = "1.9-1.14"
  /// Read in 1.5.0 and 1.8.0.
  case upTo1_8 = "<=1.8"
}

/// The id of a run in OpenLineage: a UUID as text.
public struct RunID: Hashable, Sendable, CustomStringConvertible {
  /// 36 characters, lower case.
  public let text: String

  public var description: String { text }

  /// An id that somebody else made; nil unless it has the 8-4-4-4-12 form.
  public init?(_ text: String) {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12], groups.allSatisfy({ $0.utf8.allSatisfy(\.isHexDigit) }) else {
      return nil
    }
    self.text = text.lowercased()
  }

  /// - Parameter bytes: sixteen.
  private init(bytes: [UInt8]) {
    text = String(unsafeUninitializedCapacity: 36) { buffer in
      var count = 0
      func put(_ byte: UInt8) {
        buffer[count] = byte
        count += 1
      }
      for (index, byte) in bytes.enumerated() {
        if index == 4 || index == 6 || index == 8 || index == 10 { put(UInt8(ascii: "-")) }
        for digit in [byte >> 4, byte & 15] { put(digit + (digit < 10 ? 0x30 : 0x57)) }
      }
      return count
    }
  }

  /// `openlineage/client/uuid.py::generate_static_uuid`: the instant's milliseconds in 48 bits, then 76 bits of the
  /// SHA-1 of the instant's `isoformat()` and `data`, with version 7 and the RFC's variant set.
  public static func derived(at instant: Instant, data: String) throws(LineageError) -> RunID {
    let hash = try Digest.sha1(Array(instant.isoformat.utf8) + Array(data.utf8))
    // Python's int() cuts toward zero, as this division does.
    let milliseconds = UInt64(bitPattern: instant.microseconds / 1_000)
    var bytes = (0..<6).map { UInt8(truncatingIfNeeded: milliseconds >> (40 - 8 * UInt64($0))) }
    bytes.append(0x70 | hash[0] >> 4)
    for index in 0..<9 { bytes.append(hash[index] << 4 | hash[index + 1] >> 4) }
    bytes[8] = bytes[8] & 0x3F | 0x80
    return RunID(bytes: bytes)
  }

  /// `uuid.uuid3(uuid.NAMESPACE_URL, name)`.
  static func named(_ name: String) throws(LineageError) -> RunID {
    let namespaceURL: [UInt8] = [
      0x6B, 0xA7, 0xB8, 0x11, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30, 0xC8,
    ]
    var bytes = try Digest.md5(namespaceURL + Array(name.utf8))
    bytes[6] = bytes[6] & 0x0F | 0x30
    bytes[8] = bytes[8] & 0x3F | 0x80
    return RunID(bytes: bytes)
  }

  // MARK: Airflow's

  /// The id of a DAG run under one clear number; a missing clear number (Airflow up to 2.7) counts as 0.
  ///
  /// - Parameter namespace: Airflow's `[openlineage] namespace`.
  public static func dagRun(
    _ run: DagRun, clearNumber: Int?, namespace: String, scheme: ProviderScheme
  ) throws(LineageError) -> RunID {
    let dagID = run.key.dagID
    return switch scheme {
    case .since2: try derived(at: try instant(of: run), data: "\(namespace).\(dagID).\(clearNumber ?? 0)")
    case .from1_9: try derived(at: try instant(of: run), data: "\(namespace).\(dagID)")
    case .upTo1_8: try named("\(namespace).\(dagID).\(run.key.runID)")
    }
  }

  /// The id of a task attempt.
  public static func attempt(
    _ key: AttemptKey, of run: DagRun, namespace: String, scheme: ProviderScheme
  ) throws(LineageError) -> RunID {
    let task = "\(namespace).\(run.key.dagID).\(key.taskID)"
    let instant = try instant(of: run)
    return switch scheme {
    case .since2: try derived(at: instant, data: "\(task).\(key.tryNumber).\(key.mapIndex)")
    case .from1_9: try derived(at: instant, data: "\(task).\(key.tryNumber)")
    // The provider writes str() of the execution date: a space where isoformat() has a T.
    case .upTo1_8: try named("\(task).\(instant.isoformat.replacingT).\(key.tryNumber)")
    }
  }

  /// `logical_date`, or `run_after` where that is null (Airflow 3).
  private static func instant(of run: DagRun) throws(LineageError) -> Instant {
    guard let instant = run.logicalDate ?? run.runAfter else { throw .noLogicalDate(run.key) }
    return instant
  }

  // MARK: dbt's

  /// The id of a dbt run, made of its own identity alone: the provider has no event for it, so the scheme is ours.
  ///
  /// - Parameter namespace: `dbt_cloud[].namespace`.
  public static func dbtRun(_ run: DbtRun, namespace: String) throws(LineageError) -> RunID {
    guard let createdAt = run.createdAt else { throw .noCreationTime(run.key) }
    return try derived(at: createdAt, data: name(of: run, namespace))
  }

  /// The id of a node as one step of a dbt run built it; with `.test` after it, of the tests that are attached to it.
  public static func dbtNode(
    _ uniqueID: String, _ part: DbtNodePart, step: Int, of run: DbtRun, namespace: String
  ) throws(LineageError) -> RunID {
    guard let createdAt = run.createdAt else { throw .noCreationTime(run.key) }
    let suffix = part == .tests ? ".test" : ""
    return try derived(at: createdAt, data: "\(name(of: run, namespace)).\(step).\(uniqueID)\(suffix)")
  }

  private static func name(of run: DbtRun, _ namespace: String) -> String {
    switch run.key {
    case .cloud(_, let accountID, let runID): "\(namespace).dbt-cloud.\(accountID).\(runID)"
    case .core(let name, let invocationID): "\(namespace).dbt-core.\(name).\(invocationID)"
    }
  }
}

extension String {
  fileprivate var replacingT: String { String(map { $0 == "T" ? " " : $0 }) }
}

extension UInt8 {
  fileprivate var isHexDigit: Bool {
    (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
  }
}
