/// What a sink wants to be told. Registered at start, so that events and records are put into the outbox in the same
/// transaction as the rows they speak of.
public struct SinkRegistration: Hashable, Sendable {
  /// The kinds of thing that can be told.
  public enum Emission: String, Hashable, Sendable, CaseIterable {
    case dagRuns = "dag_runs"
    case attempts
    case dbtRuns = "dbt_runs"
    case dbtNodes = "dbt_nodes"
  }

  /// What goes to it.
  public enum Kind: Hashable, Sendable {
    /// One event per transition.
    case events(Set<Emission>)
    /// One whole record per DAG run that reached a terminal state.
    case records
  }

  /// `sinks[].name`
  public var name: String
  /// `sinks[].type`
  public var type: String
  public var kind: Kind
  /// Whether history that was loaded at first contact goes to it.
  public var history: Bool
  /// How much may wait for it.
  public var limits: OutboxLimits
  /// The row in the ledger; set when it is registered.
  var id: Int64 = 0
  /// How much waits for it.
  var meter = OutboxMeter()
  /// While its outbox is at its limit, so that no items are made: the mark of the transaction under way.
  var mark: Int64?

  public init(name: String, type: String, kind: Kind, history: Bool, limits: OutboxLimits = OutboxLimits()) {
    self.name = name
    self.type = type
    self.kind = kind
    self.history = history
    self.limits = limits
  }

  func wants(_ emission: Emission) -> Bool {
    if case .events(let emissions) = kind { emissions.contains(emission) } else { false }
  }

  var wantsRecords: Bool { kind == .records }
}

extension [SinkRegistration] {
  /// What is told in the transaction under way bears this mark; nil while no outbox is at its limit.
  var mark: Int64? { lazy.compactMap(\.mark).first }
}

extension Ledger {
  /// Takes over the sinks of the configuration for reading, without writing anything.
  public func consider(sinks: [SinkRegistration]) { self.sinks = sinks }

  /// Registers the sinks of the configuration. A sink that is new to a ledger with history gets that history too, or
  /// what is under way alone when it does not want it.
  public func register(sinks: [SinkRegistration]) throws {
    self.sinks = try write { database in
      try sinks.map { sink in
        var sink = sink
        // One registration may be given to several ledgers.
        (sink.meter, sink.mark) = (OutboxMeter(), nil)
        if let id = try database.prepare("SELECT id FROM sink WHERE name = ?")
          .binding({ $0(sink.name) }).firstRow({ $0.integer(0) })
        {
          sink.id = id
          try database.prepare("UPDATE sink SET type = ?, not_before = 0 WHERE id = ?").binding {
            $0(sink.type)
            $0(id)
          }.run()
        } else {
          sink.id = try database.prepare("INSERT INTO sink (name, type) VALUES (?, ?)").binding {
            $0(sink.name)
            $0(sink.type)
          }.insert()
          try enqueueHistory(for: sink, in: database)
          try DbtRunWriter.enqueueOwnRecords(for: sink, now: now, in: database)
        }
        try sink.meter.count(ofSink: sink.id, in: database)
        return sink
      }
    }
  }
}
