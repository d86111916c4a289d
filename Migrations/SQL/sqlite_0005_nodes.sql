-- What a dbt project says of its nodes is kept once, however often it comes again; a result names its node. Besides: dbt
-- runs that are records of their own, and checks with their history.

CREATE TABLE dbt_node (
  id INTEGER PRIMARY KEY,
  -- Of everything that follows: the same facts are the same row.
  digest BLOB NOT NULL UNIQUE,
  unique_id TEXT NOT NULL,
  resource_type TEXT,
  name TEXT,
  package TEXT,
  path TEXT,
  owner TEXT,
  node_group TEXT,
  -- Lists of names as JSON.
  tags TEXT NOT NULL,
  relation TEXT,
  database_name TEXT,
  schema_name TEXT,
  alias TEXT,
  materialized TEXT,
  depends_on TEXT NOT NULL,
  attached_node TEXT,
  column_name TEXT,
  test TEXT,
  severity TEXT,
  warn_if TEXT,
  error_if TEXT,
  description TEXT,
  -- [{"name","type","description"}]
  columns TEXT,
  -- {"key": "value"}
  meta TEXT,
  -- Compiled, where it was asked for.
  sql TEXT
) STRICT;
-- Also what names are looked up in, without the rest of the row.
CREATE INDEX dbt_node_unique_id ON dbt_node (unique_id, name, relation);
CREATE INDEX dbt_node_relation ON dbt_node (relation) WHERE relation IS NOT NULL;

INSERT INTO dbt_node (digest, unique_id, resource_type, name, package, path, owner, node_group, tags, relation, depends_on,
  attached_node, column_name, test, severity)
-- No digest has so few bytes: the same facts, when they come again, are kept once more, and then for good.
SELECT CAST('0005/' || row_number() OVER () AS BLOB), * FROM (
  SELECT DISTINCT unique_id, resource_type, name, package, path, owner, node_group, tags, relation, depends_on,
    attached_node, column_name, test, severity FROM dbt_result ORDER BY unique_id);

ALTER TABLE dbt_result RENAME TO dbt_result_before;
CREATE TABLE dbt_result (
  dbt_run INTEGER NOT NULL,
  step_index INTEGER NOT NULL,
  position INTEGER NOT NULL,
  node INTEGER NOT NULL,
  status TEXT NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  execution_time REAL,
  thread TEXT,
  rows_affected INTEGER,
  failures INTEGER,
  message TEXT,
  query_id TEXT,
  -- Ids of the nodes that were read, as a JSON list; NULL for none.
  inputs TEXT,
  -- Where the result itself names another one than its node.
  relation TEXT,
  relation_rows INTEGER,
  relation_bytes INTEGER,
  batches_successful INTEGER,
  batches_failed INTEGER,
  PRIMARY KEY (dbt_run, step_index, position)
) STRICT, WITHOUT ROWID;
INSERT INTO dbt_result (dbt_run, step_index, position, node, status, started_at, completed_at, execution_time, thread,
  rows_affected, failures, message, query_id)
SELECT r.dbt_run, r.step_index, r.position, n.id, r.status, r.started_at, r.completed_at, r.execution_time, r.thread,
  r.rows_affected, r.failures, r.message, r.query_id
FROM dbt_result_before r JOIN dbt_node n ON n.unique_id = r.unique_id AND n.name IS r.name AND n.relation IS r.relation
  AND n.resource_type IS r.resource_type AND n.package IS r.package AND n.path IS r.path AND n.owner IS r.owner
  AND n.node_group IS r.node_group AND n.tags = r.tags AND n.depends_on = r.depends_on
  AND n.attached_node IS r.attached_node AND n.column_name IS r.column_name AND n.test IS r.test
  AND n.severity IS r.severity;
DROP TABLE dbt_result_before;
CREATE INDEX dbt_result_node ON dbt_result (node);

ALTER TABLE dbt_step ADD COLUMN dbt_version TEXT;
ALTER TABLE dbt_step ADD COLUMN adapter TEXT;
ALTER TABLE dbt_step ADD COLUMN project_name TEXT;
ALTER TABLE dbt_step ADD COLUMN is_full_refresh INTEGER;

-- Wanted for its own sake, and a record of its own while no attempt is known for it.
ALTER TABLE dbt_run ADD COLUMN is_wanted INTEGER NOT NULL DEFAULT 0;
-- Whether it was over when its account was first read.
ALTER TABLE dbt_run ADD COLUMN is_history INTEGER NOT NULL DEFAULT 0;
-- Grows with every change of the record that it is.
ALTER TABLE dbt_run ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE INDEX dbt_run_wanted ON dbt_run (created_at) WHERE is_wanted = 1;

-- How far the runs of an account have been listed, where all of them are wanted.
CREATE TABLE dbt_account_runs (
  host TEXT NOT NULL,
  account_id INTEGER NOT NULL,
  -- The highest run id that was listed. NULL before first contact.
  run_cursor INTEGER,
  -- History is listed newest first: the next page has ids below this. NULL before the first page.
  backfill_below INTEGER,
  backfill_done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (host, account_id)
) STRICT, WITHOUT ROWID;

-- Every test, and the freshness of every source, with what came of it last. What was skipped says nothing of it.
CREATE TABLE dbt_check (
  id INTEGER PRIMARY KEY,
  -- The account's name, project and environment id, or core and the name given to it, with slashes between.
  scope TEXT NOT NULL,
  unique_id TEXT NOT NULL,
  -- As it was in its last run.
  node INTEGER NOT NULL,
  -- pass, warn, fail, error; skipped while it never was anything else; a status that is not known as it is.
  outcome TEXT NOT NULL,
  -- When it first came out like this without coming out otherwise since.
  since INTEGER,
  last_at INTEGER NOT NULL,
  last_run INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  last_position INTEGER NOT NULL,
  UNIQUE (unique_id, scope)
) STRICT;
CREATE TABLE dbt_check_outcome (
  check_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  dbt_run INTEGER NOT NULL,
  step_index INTEGER NOT NULL,
  -- In dbt_result, or dbt_freshness where the check is of a source.
  position INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (check_id, at, dbt_run, step_index, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX dbt_check_outcome_run ON dbt_check_outcome (dbt_run);
