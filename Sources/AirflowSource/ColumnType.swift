/// What a column holds, by which it is decoded, compared and hashed. A column of another type is refused by name: in
/// binary form its values would be taken for something else.
enum ColumnType: Hashable, Sendable {
  case text, integer, number, boolean, time, bytes, json, binaryJSON, uuid

  /// The server's names (`pg_type.typname`) of the types that will do; the first is the one that Airflow uses.
  var names: [String] {
    switch self {
    case .text: ["varchar", "text", "bpchar", "citext"]
    case .integer: ["int4", "int8", "int2"]
    case .number: ["float8", "float4"]
    case .boolean: ["bool"]
    case .time: ["timestamptz"]
    case .bytes: ["bytea"]
    case .json: ["json", "jsonb"]
    case .binaryJSON: ["jsonb"]
    case .uuid: ["uuid"]
    }
  }

  /// The type that a column of this name has in whatever table; those that are not listed hold text.
  static let ofName: [String: ColumnType] = [
    "id": .integer, "dag_run_id": .integer, "clear_number": .integer, "map_index": .integer, "try_number": .integer,
    "max_tries": .integer, "duration": .number, "is_paused": .boolean, "rendered_fields": .json, "ti_id": .uuid,
    "execution_date": .time, "logical_date": .time, "data_interval_start": .time, "data_interval_end": .time,
    "run_after": .time, "queued_at": .time, "queued_dttm": .time, "start_date": .time, "end_date": .time,
    "timestamp": .time,
  ]
}
