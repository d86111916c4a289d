-- DAG runs of which everything that was told still waits for a sink: history that was loaded at first contact, or that
-- was there before the sink. One row stands for all these events. They are put into the outbox when delivery comes near
-- them, or when something else is to be told of the run; until then the outbox has no item of the run for that sink.
CREATE TABLE outbox_history (
  sink INTEGER NOT NULL,
  -- 0: the dbt runs that no attempt is known for.
  dag_run INTEGER NOT NULL,
  -- How many events wait.
  events INTEGER NOT NULL,
  made_at INTEGER NOT NULL,
  PRIMARY KEY (sink, dag_run)
) STRICT, WITHOUT ROWID;
