-- What keeps the outbox and the ledger within their limits.

-- Under which mark START and end were told while the outbox of a sink was at its limit; NULL at all other times.
ALTER TABLE dag_run ADD COLUMN start_mark bigint;
ALTER TABLE dag_run ADD COLUMN end_mark bigint;
ALTER TABLE dag_run_clear ADD COLUMN start_mark bigint;
ALTER TABLE dag_run_clear ADD COLUMN end_mark bigint;
ALTER TABLE attempt ADD COLUMN start_mark bigint;
ALTER TABLE attempt ADD COLUMN end_mark bigint;
ALTER TABLE dbt_run ADD COLUMN start_mark bigint;
ALTER TABLE dbt_run ADD COLUMN end_mark bigint;

-- NULL: everything that was told of the run waits. Else what was told under this mark and later ones.
ALTER TABLE outbox_history ADD COLUMN since_mark bigint;

-- Grows with every transaction that tells something while the outbox of a sink is at its limit.
CREATE TABLE outbox_mark (
  id bigint PRIMARY KEY CHECK (id = 1),
  mark bigint NOT NULL
);
INSERT INTO outbox_mark VALUES (1, 0);

-- How full the ledger and the outbox of each sink are, and what is put off because of it.
CREATE TABLE room (
  -- 0: the ledger
  sink bigint PRIMARY KEY,
  -- 0: nothing. 1: loading history. 2: making events too. 3: reading too.
  level bigint NOT NULL,
  since bigint,
  bytes bigint NOT NULL,
  bytes_at_most bigint,
  age_at_most bigint
);

-- How far history is kept, and what was deleted because it was older.
CREATE TABLE retention (
  id bigint PRIMARY KEY CHECK (id = 1),
  -- Seconds; NULL: for good.
  kept bigint,
  last_at bigint,
  runs bigint NOT NULL DEFAULT 0,
  error text COLLATE "C"
);
INSERT INTO retention (id) VALUES (1);

-- Runs that somebody has purged and that may still be in Airflow: they are not new. They are when Airflow opens them again.
CREATE TABLE purged_run (
  instance bigint NOT NULL,
  source_id bigint NOT NULL,
  PRIMARY KEY (instance, source_id)
);
