-- When each try of a sensor in reschedule mode first started: the live row shows its last poke only. OFFSET 0 keeps the
-- planner from starting with the whole table.
select dr.id, tr.task_id, tr.map_index, tr.try_number, min(tr.start_date)
from dag_run dr
cross join lateral (
  select * from task_reschedule i where i.dag_id = dr.dag_id and i.run_id = dr.run_id offset 0
) tr
where dr.id = any($1::int8[])
group by 1, 2, 3, 4
