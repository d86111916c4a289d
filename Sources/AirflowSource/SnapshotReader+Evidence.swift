import ExecutionModel
import Postgres

extension SnapshotReader {
  /// Settles the attempts while the server begins to look.
  mutating func xcoms(_ chunk: inout Chunk) throws {
    var haveLarge: Set<Int64> = []
    let query = Queries.inlined(queries.smallXComs, chunk.ids, limits.xcomBytesAtOnce)
    try transaction.copyOut(query, meanwhile: { chunk.settle(normaliser) }) { row in
      let id = try row.int(0)
      if let stored = row.unsafeBytes(6) {
        contentBytes += stored.count
        try add(row, StoredValue.content(stored), &chunk)
      } else if try row.optionalBool(5) ?? false {
        try add(row, .json(RawJSON("null")), &chunk)
      } else {
        haveLarge.insert(id)
      }
    }
    guard !haveLarge.isEmpty else { return }
    let bounds = [limits.xcomBytes, limits.xcomBytesPerRun, limits.xcomBytesAtOnce]
    try transaction.query(queries.xcoms, [.intArray(haveLarge.sorted())] + bounds.map { .int(Int64($0)) }) { row in
      let bytes = Int(try row.optionalInt(5) ?? 0)
      let content = row.unsafeBytes(6).map(StoredValue.content)
      if content == nil { rowCounts.xcomsTooLarge += 1 } else { contentBytes += bytes }
      try add(row, content ?? .tooLarge(bytes: bytes), &chunk)
    }
  }

  private mutating func add(_ row: PostgresRow, _ content: XCom.Content, _ chunk: inout Chunk) throws {
    rowCounts.xcoms += 1
    guard let position = chunk.position(of: try row.int(0)) else { return }
    chunk.parts[position].xcoms.append(
      XCom(
        taskID: try row.text(1, &texts), mapIndex: Int(try row.int(2)), key: try row.text(3, &texts),
        // NOT NULL; an infinite one is later than every start.
        timestamp: try row.optionalInstant(4) ?? Instant(microseconds: .max), content: content))
  }

  /// Those of task instances that look like dbt: by the operator's name, or because they wrote one of the dbt operators'
  /// XComs.
  mutating func renderedFields(_ chunk: inout Chunk) throws {
    var ids: [Int64] = []
    var dagIDs: [String] = []
    var runIDs: [String] = []
    var taskIDs: [String] = []
    var mapIndexes: [Int64] = []
    for (id, parts) in zip(chunk.ids, chunk.parts) {
      var wanted = Set(parts.dbtTasks)
      for xcom in parts.xcoms where xcom.key != "return_value" {
        wanted.insert(AttemptKey(taskID: xcom.taskID, mapIndex: xcom.mapIndex, tryNumber: 0))
      }
      for key in wanted {
        ids.append(id)
        dagIDs.append(parts.run.key.dagID)
        runIDs.append(parts.run.key.runID)
        taskIDs.append(key.taskID)
        mapIndexes.append(Int64(key.mapIndex))
      }
    }
    guard !ids.isEmpty else { return }
    try transaction.query(
      queries.renderedFields,
      [
        .intArray(ids), .textArray(dagIDs), .textArray(runIDs), .textArray(taskIDs), .intArray(mapIndexes),
        .int(Int64(limits.renderedBytes)), .int(Int64(limits.renderedBytesPerRun)),
      ]
    ) { row in
      guard let stored = row.optionalBytes(4) else {
        rowCounts.renderedFieldsTooLarge += 1
        return
      }
      contentBytes += stored.count
      guard let position = chunk.position(of: try row.int(0)) else { return }
      chunk.parts[position].renderedFields.append(
        RenderedFields(
          taskID: try row.text(1), mapIndex: Int(try row.int(2)), fields: StoredValue(stored).rawJSON))
      rowCounts.renderedFields += 1
    }
  }
}
