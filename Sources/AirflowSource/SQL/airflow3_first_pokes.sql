-- When the try of a sensor in reschedule mode first started: the live row shows its last poke only. Rows refer to the
-- live row's id, which changes with every try, so there are none of earlier tries; but an upgrade from 2.x let those of all
-- tries refer to the live row, so what began before the last start of an earlier try is left out. OFFSET 0 keeps the
-- planner from starting with all task instances; how it goes on is its choice, for 3.0 has no index on task_reschedule
-- (ti_id).
with pokes as materialized (
  select dr.id, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number, tr.start_date
  from dag_run dr
  cross join lateral (
    select * from task_instance i where i.dag_id = dr.dag_id and i.run_id = dr.run_id offset 0
  ) ti
  join task_reschedule tr on tr.ti_id = ti.id
  where dr.id = any($1::int8[])
)
select p.id, p.task_id, p.map_index, p.try_number, min(p.start_date)
from pokes p
--if task_instance_history
where p.start_date > coalesce((
  select max(h.start_date)
  from task_instance_history h
  where h.dag_id = p.dag_id and h.task_id = p.task_id and h.run_id = p.run_id and h.map_index = p.map_index
), '-infinity')
--end
group by 1, 2, 3, 4
