-- The ledger: what was read from Airflow and dbt Cloud, and what is still to be sent.
-- Times are microseconds since 1970-01-01 UTC. JSON is kept as text, lists of names as JSON too. NULL means that the
-- source did not say. What was told of a run id stands beside it: the times of its START and of its terminal event.

-- The syncer that works on this ledger, or did last.
CREATE TABLE syncer (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- run: the daemon; sync: one pass
  mode TEXT NOT NULL,
  version TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER
) STRICT;

CREATE TABLE airflow_instance (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  airflow_version TEXT,
  alembic_version TEXT,
  -- The highest dag_run.id that was ever read.
  dag_run_cursor INTEGER NOT NULL DEFAULT 0,
  -- The highest dag_run.id at first contact: runs up to it are history. NULL before.
  cursor_floor INTEGER,
  -- History is loaded newest first: the next page has ids below this. NULL before the first page.
  backfill_below INTEGER,
  backfill_done INTEGER NOT NULL DEFAULT 0,
  backfill_runs INTEGER NOT NULL DEFAULT 0,
  backfill_total INTEGER,
  connected INTEGER NOT NULL DEFAULT 0,
  source_role TEXT,
  replay_lag INTEGER,
  last_poll_at INTEGER,
  poll_milliseconds REAL,
  error TEXT,
  error_since INTEGER
) STRICT;

CREATE TABLE dag (
  instance INTEGER NOT NULL,
  dag_id TEXT NOT NULL,
  owners TEXT NOT NULL,
  tags TEXT NOT NULL,
  schedule TEXT,
  description TEXT,
  fileloc TEXT,
  is_paused INTEGER,
  PRIMARY KEY (instance, dag_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dag_run (
  id INTEGER PRIMARY KEY,
  instance INTEGER NOT NULL,
  dag_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  -- dag_run.id in Airflow
  source_id INTEGER NOT NULL,
  run_type TEXT,
  state TEXT,
  logical_date INTEGER,
  run_after INTEGER,
  data_interval_start INTEGER,
  data_interval_end INTEGER,
  queued_at INTEGER,
  start_date INTEGER,
  end_date INTEGER,
  clear_number INTEGER,
  triggered_by TEXT,
  triggering_user_name TEXT,
  conf TEXT,
  note TEXT,
  -- Whether Airflow will go on with it by itself, so that it is read at every poll.
  is_open INTEGER NOT NULL,
  removed TEXT,
  removed_at INTEGER,
  -- Events made for the present clear_number.
  start_told INTEGER,
  end_told INTEGER,
  end_transition TEXT,
  -- Another run has the same run ids in OpenLineage, so that no event is made of this one.
  is_withheld INTEGER NOT NULL DEFAULT 0,
  -- Whether it came with the history at first contact and was not open since.
  is_history INTEGER NOT NULL DEFAULT 0,
  -- Grows with every change of the record.
  revision INTEGER NOT NULL,
  -- A run that was deleted in Airflow stays beside one that was made anew under its name.
  UNIQUE (instance, dag_id, run_id, source_id)
) STRICT;
-- Airflow's OpenLineage provider derives run ids from these.
CREATE INDEX dag_run_moment ON dag_run (instance, dag_id, coalesce(logical_date, run_after));
CREATE INDEX dag_run_source ON dag_run (instance, source_id);
CREATE INDEX dag_run_open ON dag_run (instance) WHERE is_open = 1;
CREATE INDEX dag_run_start ON dag_run (start_date);

-- What a DAG run was before it was cleared and reset.
CREATE TABLE dag_run_clear (
  dag_run INTEGER NOT NULL,
  position INTEGER NOT NULL,
  clear_number INTEGER,
  state TEXT,
  queued_at INTEGER,
  start_date INTEGER,
  end_date INTEGER,
  -- Events made under this clear number, where the run has had another since.
  start_told INTEGER,
  end_told INTEGER,
  end_transition TEXT,
  PRIMARY KEY (dag_run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
  dag_run INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  map_index INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  is_current INTEGER NOT NULL,
  clear_number INTEGER,
  operator TEXT,
  state TEXT,
  queued_at INTEGER,
  start_date INTEGER,
  end_date INTEGER,
  duration REAL,
  max_tries INTEGER,
  hostname TEXT,
  pool TEXT,
  queue TEXT,
  rendered_map_index TEXT,
  note TEXT,
  start_told INTEGER,
  end_told INTEGER,
  end_transition TEXT,
  PRIMARY KEY (dag_run, task_id, map_index, try_number)
) STRICT, WITHOUT ROWID;

CREATE TABLE dbt_account (
  name TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL,
  last_call_at INTEGER,
  calls_per_minute INTEGER,
  cooling_down_until INTEGER,
  error TEXT,
  error_since INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE dbt_run (
  id INTEGER PRIMARY KEY,
  -- cloud/<host>/<account id>/<run id>
  key TEXT NOT NULL UNIQUE,
  account TEXT,
  host TEXT,
  account_id INTEGER,
  run_id INTEGER,
  job_id INTEGER,
  job_name TEXT,
  project_id INTEGER,
  project_name TEXT,
  environment_id INTEGER,
  environment_name TEXT,
  status TEXT,
  status_code INTEGER,
  status_message TEXT,
  cause TEXT,
  created_at INTEGER,
  started_at INTEGER,
  finished_at INTEGER,
  git_branch TEXT,
  git_sha TEXT,
  dbt_version TEXT,
  href TEXT,
  -- The run that this one resumes from its point of failure.
  retrying_run_id INTEGER,
  is_complete INTEGER NOT NULL DEFAULT 0,
  -- wanted: to be asked for; known: answered, and asked again while it is not complete; absent: dbt Cloud knows no such run;
  -- unresolved: cannot be asked (account not configured, token refused).
  fetch_state TEXT NOT NULL,
  unresolved TEXT,
  next_fetch_at INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  -- The attempt that is its parent in events, fixed when its START is made.
  parent_dag_run INTEGER,
  parent_task_id TEXT,
  parent_map_index INTEGER,
  parent_try_number INTEGER,
  start_told INTEGER,
  end_told INTEGER,
  end_transition TEXT
) STRICT;
-- What may have to be asked for; queries repeat both conditions as they stand here.
CREATE INDEX dbt_run_waiting ON dbt_run (account, id) WHERE is_complete = 0 AND fetch_state <> 'absent';
CREATE INDEX dbt_run_parent ON dbt_run (parent_dag_run) WHERE parent_dag_run IS NOT NULL;
CREATE INDEX dbt_run_run_id ON dbt_run (run_id);

CREATE TABLE dbt_step (
  dbt_run INTEGER NOT NULL,
  step_index INTEGER NOT NULL,
  name TEXT,
  command TEXT,
  status TEXT,
  started_at INTEGER,
  finished_at INTEGER,
  invocation_id TEXT,
  manifest TEXT NOT NULL,
  run_results TEXT NOT NULL,
  catalog TEXT NOT NULL,
  sources TEXT NOT NULL,
  PRIMARY KEY (dbt_run, step_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE dbt_result (
  dbt_run INTEGER NOT NULL,
  step_index INTEGER NOT NULL,
  position INTEGER NOT NULL,
  unique_id TEXT NOT NULL,
  resource_type TEXT,
  name TEXT,
  package TEXT,
  path TEXT,
  owner TEXT,
  node_group TEXT,
  tags TEXT NOT NULL,
  status TEXT NOT NULL,
  relation TEXT,
  started_at INTEGER,
  completed_at INTEGER,
  execution_time REAL,
  thread TEXT,
  rows_affected INTEGER,
  failures INTEGER,
  message TEXT,
  query_id TEXT,
  depends_on TEXT NOT NULL,
  attached_node TEXT,
  column_name TEXT,
  test TEXT,
  severity TEXT,
  PRIMARY KEY (dbt_run, step_index, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE dbt_freshness (
  dbt_run INTEGER NOT NULL,
  step_index INTEGER NOT NULL,
  position INTEGER NOT NULL,
  unique_id TEXT NOT NULL,
  status TEXT NOT NULL,
  max_loaded_at INTEGER,
  snapshotted_at INTEGER,
  age_seconds REAL,
  error TEXT,
  PRIMARY KEY (dbt_run, step_index, position)
) STRICT, WITHOUT ROWID;

-- Why an attempt and a dbt run belong together. dbt_run is NULL until it is certain which run is meant.
CREATE TABLE link (
  id INTEGER PRIMARY KEY,
  dag_run INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  map_index INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  -- The run as the evidence names it; run_id 0: the evidence names none.
  run_id INTEGER NOT NULL,
  host TEXT,
  account_id INTEGER,
  relation TEXT NOT NULL,
  confidence TEXT NOT NULL,
  -- A value that may be a run id; no link until dbt Cloud knows such a run, created while the attempt ran.
  is_candidate INTEGER NOT NULL,
  unresolved TEXT,
  dbt_run INTEGER,
  made_at INTEGER NOT NULL,
  UNIQUE (dag_run, task_id, map_index, try_number, run_id)
) STRICT;
CREATE INDEX link_made ON link (made_at);
CREATE INDEX link_dbt_run ON link (dbt_run) WHERE dbt_run IS NOT NULL;

CREATE TABLE evidence (
  link INTEGER NOT NULL,
  position INTEGER NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (link, position)
) STRICT, WITHOUT ROWID;

-- The dbt runs that a link may mean; one, unless the account is not known.
CREATE TABLE link_target (
  dbt_run INTEGER NOT NULL,
  link INTEGER NOT NULL,
  PRIMARY KEY (dbt_run, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_target_link ON link_target (link);

CREATE TABLE sink (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,
  last_delivery_at INTEGER,
  -- Nothing is tried before this time: the backend is away or asked for silence.
  not_before INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  error_since INTEGER
) STRICT;

-- What is to be sent, in the order in which it was made. A number is never used twice: an item that is replaced while
-- it is being delivered must not be taken for the delivered one.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sink INTEGER NOT NULL,
  -- dag_run, attempt, dbt_run: an event; record: a line of a file sink.
  kind TEXT NOT NULL,
  -- The record; 0 for a dbt run that no attempt is known for.
  dag_run INTEGER NOT NULL,
  dbt_run INTEGER,
  task_id TEXT,
  map_index INTEGER,
  -- Try number of an attempt, clear number of a DAG run.
  number INTEGER,
  transition TEXT,
  event_time INTEGER,
  made_at INTEGER NOT NULL,
  not_before INTEGER NOT NULL DEFAULT 0,
  -- The bytes, fixed before the first of them is sent and kept until the answer.
  body BLOB,
  tries INTEGER NOT NULL DEFAULT 0,
  parked_at INTEGER,
  reason TEXT,
  answer_status INTEGER,
  answer TEXT
) STRICT;
CREATE INDEX outbox_pending ON outbox (sink, id) WHERE parked_at IS NULL;
CREATE INDEX outbox_parked ON outbox (sink, id) WHERE parked_at IS NOT NULL;
CREATE UNIQUE INDEX outbox_record ON outbox (sink, dag_run, coalesce(dbt_run, 0)) WHERE kind = 'record' AND parked_at IS NULL;
-- Items that wait for their next try hold back what comes after them in the same record.
CREATE INDEX outbox_delayed ON outbox (sink, dag_run) WHERE not_before > 0 AND parked_at IS NULL;
CREATE INDEX outbox_run ON outbox (dag_run);
