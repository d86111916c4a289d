-- When the try of a sensor in reschedule mode first started: the live row shows its last poke only. Rows refer to the
-- live row's id, which changes with every try, so there are none of earlier tries. OFFSET 0 keeps the planner from
-- starting with all task instances; how it goes on is its choice, for 3.0 has no index on task_reschedule (ti_id).
select dr.id, ti.task_id, ti.map_index, ti.try_number, min(tr.start_date)
from dag_run dr
cross join lateral (
  select * from task_instance i where i.dag_id = dr.dag_id and i.run_id = dr.run_id offset 0
) ti
join task_reschedule tr on tr.ti_id = ti.id
where dr.id = any($1::int8[])
group by 1, 2, 3, 4
