import ExecutionModel
import Postgres

/// What went wrong while Airflow's database was read, and what to do about it.
public struct AirflowSourceError: Error, Sendable, CustomStringConvertible {
  /// What happened.
  public enum Kind: String, Hashable, Sendable {
    /// The database has none of Airflow's tables, or not all that make an Airflow.
    case notAirflow = "not_airflow"
    /// A table lacks a column that is read in every supported version.
    case missingColumn = "missing_column"
    /// A column has another type than Airflow gives it.
    case unexpectedType = "unexpected_type"
    /// The role may not read something that it needs.
    case missingGrant = "missing_grant"
    /// The schema is no longer what the probe found: Airflow was upgraded, or a right was taken away.
    case schemaChanged = "schema_changed"
    /// The database could not be asked; ``AirflowSourceError/cause`` says why.
    case database
  }

  /// What the caller should do.
  public enum Action: String, Hashable, Sendable {
    /// Ask again after a pause.
    case retry
    /// Probe the schema again, then ask again.
    case probe
    /// Somebody has to act first; probing now and then finds out when they have.
    case stop
  }

  /// The Airflow instance.
  public var instance: InstanceName
  /// What happened.
  public var kind: Kind
  /// What to do.
  public var action: Action
  /// One line per problem: what is wrong and how to mend it. Never empty.
  public var problems: [String]
  /// The database's own error, for ``Kind/database`` and ``Kind/schemaChanged``.
  public var cause: PostgresError?

  /// Whether the database did not answer in time (`statement_timeout`, our own deadline, or before the recovery of a
  /// replica had to go on), so that asking for less may help.
  public var isTooSlow: Bool {
    cause.map { $0.kind == .deadline || $0.sqlState == "57014" || $0.isRecoveryConflict } ?? false
  }

  public var description: String {
    "Airflow instance \(instance): " + problems.joined(separator: "\n  ")
  }
}

extension AirflowSourceError {
  init(instance: InstanceName, kind: Kind, problems: [String]) {
    self.init(instance: instance, kind: kind, action: .stop, problems: problems, cause: nil)
  }

  /// An error of the database while rows of a probed schema were read.
  init(instance: InstanceName, reading cause: PostgresError) {
    // undefined_column, undefined_table, undefined_object, insufficient_privilege, datatype_mismatch, undefined_function
    let schemaStates: Set<String> = ["42703", "42P01", "42704", "42501", "42804", "42883"]
    if let state = cause.sqlState, schemaStates.contains(state) {
      self.init(
        instance: instance, kind: .schemaChanged, action: .probe,
        problems: ["the schema or the rights have changed since they were probed: \(cause)"], cause: cause)
    } else {
      self.init(instance: instance, asking: cause)
    }
  }

  /// An error of the database that says nothing about the schema.
  init(instance: InstanceName, asking cause: PostgresError) {
    self.init(
      instance: instance, kind: .database, action: cause.isSafeToRetry ? .retry : .stop, problems: ["\(cause)"],
      cause: cause)
  }
}
