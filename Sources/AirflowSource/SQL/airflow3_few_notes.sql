-- Notes on task instances of the runs $1, where there are so few that all of them are looked at. OFFSET 0 keeps the
-- planner from reading all task instances for them.
select dr.id, ti.task_id, ti.map_index, n.content
from task_instance_note n
cross join lateral (select * from task_instance i where i.id = n.ti_id offset 0) ti
join dag_run dr on dr.dag_id = ti.dag_id and dr.run_id = ti.run_id
where dr.id = any($1::int8[])
