-- The search for rows of dbt_node that nothing names any more.
CREATE TABLE node_collection (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- Counts the searches: whoever was handed nodes before one began looks whether they are still there.
  number INTEGER NOT NULL,
  is_under_way INTEGER NOT NULL,
  -- dbt runs were deleted since the last one began.
  is_wanted INTEGER NOT NULL
) STRICT;
INSERT INTO node_collection (id, number, is_under_way, is_wanted) VALUES (1, 0, 0, 1);

-- What was handed out while a search is under way, perhaps to be named in a moment.
CREATE TABLE node_handed_out (
  node INTEGER PRIMARY KEY
) STRICT;

CREATE INDEX dbt_check_node ON dbt_check (node);
