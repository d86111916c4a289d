-- Several syncers on one ledger, and configurations that are taken up while they run.

-- Why the configuration was not taken up when it was to be loaded anew last, and when; NULL when it was.
ALTER TABLE syncer ADD COLUMN reload_error text COLLATE "C";
ALTER TABLE syncer ADD COLUMN reload_failed_at bigint;

-- The syncers that work on this ledger. One that was killed stays for a while. Times are the database's.
CREATE TABLE daemon (
  id text COLLATE "C" PRIMARY KEY,
  host text COLLATE "C" NOT NULL,
  pid bigint NOT NULL,
  -- run: the daemon; sync, ingest: a command
  mode text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  started_at bigint NOT NULL,
  seen_at bigint NOT NULL
);

-- Which of them works as which part. A row is never deleted: its token must not begin anew.
CREATE TABLE lease (
  -- airflow, dbt_cloud or sink
  kind text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  -- Grows each time the lease is taken.
  token bigint NOT NULL,
  -- daemon.id; NULL: given back.
  holder text COLLATE "C",
  since bigint NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (kind, name)
);
