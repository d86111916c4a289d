-- When each try of a sensor in reschedule mode first started: the live row shows its last poke only.
select dr.id, tr.task_id, tr.map_index, tr.try_number, min(tr.start_date)
from dag_run dr
join task_reschedule tr on tr.dag_id = dr.dag_id and tr.run_id = dr.run_id
where dr.id = any($1::int8[])
group by 1, 2, 3, 4
