-- Events about the nodes of dbt runs: what their datasets are called, and how many there are.

-- How dbt Cloud reaches the warehouse of a project.
CREATE TABLE dbt_project (
  -- dbt_cloud[].name
  account TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  -- All NULL: dbt Cloud does not show the project.
  name TEXT,
  type TEXT,
  -- {"host": "…"}: what namespaces of datasets are made of, nothing secret.
  details TEXT,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (account, project_id)
) STRICT, WITHOUT ROWID;

-- How many events there are about its nodes. They go with its end.
ALTER TABLE dbt_run ADD COLUMN node_events INTEGER NOT NULL DEFAULT 0;

-- The tests of a node.
CREATE INDEX dbt_node_attached ON dbt_node (attached_node) WHERE attached_node IS NOT NULL;
