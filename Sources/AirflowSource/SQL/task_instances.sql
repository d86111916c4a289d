-- Live rows of the runs $1, through the index on task_instance (dag_id, run_id). OFFSET 0 keeps the planner from
-- starting with the whole table instead.
select dr.id, ti.task_id, ti.map_index, ti.try_number, ti.state,
       ti.operator, {ti.custom_operator_name|text},
       ti.queued_dttm, ti.start_date, ti.end_date, ti.duration,
       ti.max_tries, ti.hostname, ti.pool, ti.queue,
       {ti.rendered_map_index|text},
       ti.next_method is not null
from dag_run dr
cross join lateral (
  select * from task_instance i where i.dag_id = dr.dag_id and i.run_id = dr.run_id offset 0
) ti
where dr.id = any($1::int8[])
