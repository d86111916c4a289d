-- Configurations that are taken up while a syncer runs.

-- Why the configuration was not taken up when it was to be loaded anew last, and when; NULL when it was.
ALTER TABLE syncer ADD COLUMN reload_error TEXT;
ALTER TABLE syncer ADD COLUMN reload_failed_at INTEGER;
