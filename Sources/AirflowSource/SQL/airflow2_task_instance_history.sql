-- Earlier tries of the runs $1 (2.10 and later). The table has no index on (dag_id, run_id) there, but each of its rows
-- refers to a live one, which leads to the unique index (dag_id, task_id, run_id, map_index, try_number). OFFSET 0 keeps
-- the planner from starting with the whole table instead.
select dr.id, h.task_id, h.map_index, h.try_number, h.state,
       h.operator, {h.custom_operator_name|text},
       h.queued_dttm, h.start_date, h.end_date, h.duration,
       h.max_tries, h.hostname, h.pool, h.queue,
       {h.rendered_map_index|text},
       null::text,
       false
from dag_run dr
join task_instance ti on ti.dag_id = dr.dag_id and ti.run_id = dr.run_id
cross join lateral (
  select *
  from task_instance_history i
  where i.dag_id = ti.dag_id and i.task_id = ti.task_id and i.run_id = ti.run_id and i.map_index = ti.map_index
  offset 0
) h
where dr.id = any($1::int8[])
