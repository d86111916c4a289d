-- Template fields of the tasks of the runs $1 that look like dbt: by the operator's name, or because they wrote one of
-- the dbt operators' XComs. Nothing larger than $2 bytes is fetched, and of one run no more than $3 bytes together.
select s.id, s.task_id, s.map_index, s.bytes,
       case when s.bytes <= $2::int8 and s.total <= $3::int8 then s.rendered_fields::text end
from (
  select m.*,
         sum(case when m.bytes <= $2::int8 then m.bytes else 0 end)
           over (partition by m.id order by m.task_id, m.map_index) as total
  from (
    select dr.id, r.task_id, r.map_index, r.rendered_fields,
           case when pg_column_size(r.rendered_fields) > $2::int8 then pg_column_size(r.rendered_fields)
                else octet_length(r.rendered_fields::text) end as bytes
    from dag_run dr
    join task_instance ti on ti.dag_id = dr.dag_id and ti.run_id = dr.run_id
    join rendered_task_instance_fields r
      on r.dag_id = ti.dag_id and r.task_id = ti.task_id and r.run_id = ti.run_id and r.map_index = ti.map_index
    where dr.id = any($1::int8[])
      and (ti.operator ilike '%dbt%'
           or {ti.custom_operator_name|text} ilike '%dbt%'
           or exists (
             select 1 from xcom x
             where x.dag_run_id = dr.id and x.task_id = ti.task_id and x.map_index = ti.map_index
               and x.key in ('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink')))
  ) m
) s
