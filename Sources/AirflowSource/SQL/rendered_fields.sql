-- Template fields of task instances ($1 id of the run, $2 dag_id, $3 run_id, $4 task_id, $5 map_index). Nothing larger
-- than $6 bytes is fetched, and of one run no more than $7 bytes together. OFFSET 0 keeps the planner from starting with the whole table.
select s.id, s.task_id, s.map_index, s.bytes,
       case when s.bytes <= $6::int8 and s.total <= $7::int8 then s.rendered_fields::text end
from (
  select m.*,
         sum(case when m.bytes <= $6::int8 then m.bytes else 0 end)
           over (partition by m.id order by m.task_id, m.map_index) as total
  from (
    select w.id, r.task_id, r.map_index, r.rendered_fields,
           case when pg_column_size(r.rendered_fields) > $6::int8 then pg_column_size(r.rendered_fields)
                else octet_length(r.rendered_fields::text) end as bytes
    from unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::int8[]) as w(id, dag_id, run_id, task_id, map_index)
    cross join lateral (
      select f.task_id, f.map_index, f.rendered_fields
      from rendered_task_instance_fields f
      where f.dag_id = w.dag_id and f.task_id = w.task_id and f.run_id = w.run_id and f.map_index = w.map_index
      offset 0
    ) r
  ) m
) s
