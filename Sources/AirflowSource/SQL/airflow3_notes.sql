-- Notes on task instances of the runs $1, looked up one by one. OFFSET 0 keeps the planner from starting with the whole
-- of a table.
select dr.id, ti.task_id, ti.map_index, n.content
from dag_run dr
cross join lateral (
  select * from task_instance i where i.dag_id = dr.dag_id and i.run_id = dr.run_id offset 0
) ti
cross join lateral (select * from task_instance_note i where i.ti_id = ti.id offset 0) n
where dr.id = any($1::int8[])
