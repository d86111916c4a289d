-- Tries whose dbt run nothing in Airflow names (any more), and what became of looking for it in dbt Cloud.

-- Each link without a run (run_id 0); kept by the triggers below.
CREATE TABLE lost_try (
  link INTEGER PRIMARY KEY,
  -- Why the evidence names no run; NULL when there is no evidence.
  reason TEXT,
  -- When dbt Cloud can have created the run. NULL until the try is over.
  window_start INTEGER,
  window_end INTEGER,
  -- What was judged last, as text to be compared; NULL: nothing yet, or better evidence has overtaken it.
  verdict TEXT,
  -- When to judge (again); NULL: when something changes.
  judge_at INTEGER
) STRICT;
CREATE INDEX lost_try_new ON lost_try (link) WHERE window_start IS NULL;
CREATE INDEX lost_try_window ON lost_try (window_end, window_start);
CREATE INDEX lost_try_due ON lost_try (window_start) WHERE judge_at IS NOT NULL;

-- Which configured accounts are asked for the runs of that time.
CREATE TABLE search (
  account TEXT NOT NULL,
  link INTEGER NOT NULL,
  window_start INTEGER NOT NULL,
  window_end INTEGER NOT NULL,
  -- How often the account has answered, and how often asking failed since.
  answers INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  -- When to ask (again); NULL: nothing is left to be asked.
  next_at INTEGER,
  PRIMARY KEY (account, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX search_link ON search (link);
CREATE INDEX search_due ON search (account, window_start) WHERE next_at IS NOT NULL;

-- Tasks that have shown by XComs of the run operator that they start dbt Cloud runs, whatever their operator is called.
CREATE TABLE run_task (
  instance INTEGER NOT NULL,
  dag_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  PRIMARY KEY (instance, dag_id, task_id)
) STRICT, WITHOUT ROWID;
-- The last link that tasks were learned from.
CREATE TABLE run_task_progress (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  link INTEGER NOT NULL
) STRICT;
INSERT INTO run_task_progress VALUES (1, 0);

CREATE INDEX dbt_run_created ON dbt_run (created_at) WHERE fetch_state = 'known';

CREATE TRIGGER link_lacks_run AFTER INSERT ON link WHEN new.run_id = 0 BEGIN
  INSERT INTO lost_try (link, reason) VALUES (new.id, new.unresolved);
END;
-- Better evidence has taken its place: what was undecided because of it may be decided now.
CREATE TRIGGER link_without_run_is_gone AFTER DELETE ON link WHEN old.run_id = 0 BEGIN
  UPDATE lost_try SET judge_at = 0
  WHERE verdict LIKE 'ambiguous%' AND window_end >= (SELECT window_start FROM lost_try WHERE link = old.id)
    AND window_start <= (SELECT window_end FROM lost_try WHERE link = old.id);
  DELETE FROM lost_try WHERE link = old.id;
  DELETE FROM search WHERE link = old.id;
END;
INSERT INTO lost_try (link, reason) SELECT id, unresolved FROM link WHERE run_id = 0;
