-- What a sweep compares, how it goes, and how fast history is loaded.

-- What the database computes over all that was read of a finished run (AirflowReader.sweep); NULL while it is open, and
-- where it was not asked for.
ALTER TABLE dag_run ADD COLUMN fingerprint INTEGER;

-- When Airflow was first seen to have the task instance no more.
ALTER TABLE attempt ADD COLUMN removed_at INTEGER;

-- Runs up to cursor_floor that ended before are not wanted; NULL: all are.
ALTER TABLE airflow_instance ADD COLUMN backfill_since INTEGER;
-- Runs a second, lately.
ALTER TABLE airflow_instance ADD COLUMN backfill_rate REAL;
-- The last sweep that came to its end: when it began and ended, what it compared and found, and its cost.
ALTER TABLE airflow_instance ADD COLUMN sweep_started_at INTEGER;
ALTER TABLE airflow_instance ADD COLUMN sweep_finished_at INTEGER;
ALTER TABLE airflow_instance ADD COLUMN sweep_runs INTEGER;
ALTER TABLE airflow_instance ADD COLUMN sweep_changed INTEGER;
ALTER TABLE airflow_instance ADD COLUMN sweep_removed INTEGER;
-- Server time of its queries.
ALTER TABLE airflow_instance ADD COLUMN sweep_milliseconds REAL;
-- Why the present sweep does not get on; NULL when it does.
ALTER TABLE airflow_instance ADD COLUMN sweep_error TEXT;
