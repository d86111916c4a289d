-- Folders of dbt_artifacts, for `status`.
CREATE TABLE dbt_folder (
  name text COLLATE "C" PRIMARY KEY,
  path text COLLATE "C" NOT NULL,
  -- Noted now and then, and when something was found.
  looked_at bigint NOT NULL,
  -- Invocations that were recorded, and the last time that one was.
  runs bigint NOT NULL,
  recorded_at bigint,
  error text COLLATE "C",
  error_since bigint
);
