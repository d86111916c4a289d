-- Folders of dbt_artifacts, for `status`.
CREATE TABLE dbt_folder (
  name TEXT PRIMARY KEY,
  path TEXT NOT NULL,
  -- Noted now and then, and when something was found.
  looked_at INTEGER NOT NULL,
  -- Invocations that were recorded, and the last time that one was.
  runs INTEGER NOT NULL,
  recorded_at INTEGER,
  error TEXT,
  error_since INTEGER
) STRICT, WITHOUT ROWID;
