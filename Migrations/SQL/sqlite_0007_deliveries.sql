-- What was taken out of the outbox by hand, and history that is sent again.

CREATE TABLE outbox_discarded (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Its number in the outbox; NULL for history that waited.
  item INTEGER,
  -- As they stood in the outbox. kind history: all that was told of a DAG run.
  sink INTEGER NOT NULL,
  kind TEXT NOT NULL,
  dag_run INTEGER NOT NULL,
  dbt_run INTEGER,
  task_id TEXT,
  map_index INTEGER,
  number INTEGER,
  transition TEXT,
  event_time INTEGER,
  made_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  parked_at INTEGER,
  reason TEXT,
  answer_status INTEGER,
  answer TEXT,
  -- How many events it stands for.
  events INTEGER NOT NULL,
  discarded_at INTEGER NOT NULL,
  discarded_by TEXT NOT NULL,
  discarded_because TEXT
) STRICT;

-- Of the row for dbt runs without a DAG run: only those that were made in this time are meant. NULL: all.
ALTER TABLE outbox_history ADD COLUMN since INTEGER;
ALTER TABLE outbox_history ADD COLUMN until INTEGER;
