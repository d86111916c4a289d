-- Notes on task instances of the runs $1, where there are so few that all of them are looked at.
select dr.id, n.task_id, n.map_index, n.content
from task_instance_note n
join dag_run dr on dr.dag_id = n.dag_id and dr.run_id = n.run_id
where dr.id = any($1::int8[])
