-- Earlier tries of the runs $1, through the index on task_instance_history (dag_id, run_id). OFFSET 0 keeps the planner
-- from starting with the whole table instead.
select dr.id, h.task_id, h.map_index, h.try_number, h.state,
       h.operator, {h.custom_operator_name|text},
       h.queued_dttm, h.start_date, h.end_date, h.duration,
       h.max_tries, h.hostname, h.pool, h.queue,
       {h.rendered_map_index|text},
       false
from dag_run dr
cross join lateral (
  select * from task_instance_history i where i.dag_id = dr.dag_id and i.run_id = dr.run_id offset 0
) h
where dr.id = any($1::int8[])
