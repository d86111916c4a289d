-- When the try of a sensor in reschedule mode first started: the live row shows its last poke only. Rows refer to the
-- live row's id, which changes with every try, so there are none of earlier tries.
select dr.id, ti.task_id, ti.map_index, ti.try_number, min(tr.start_date)
from dag_run dr
join task_instance ti on ti.dag_id = dr.dag_id and ti.run_id = dr.run_id
join task_reschedule tr on tr.ti_id = ti.id
where dr.id = any($1::int8[])
group by 1, 2, 3, 4
