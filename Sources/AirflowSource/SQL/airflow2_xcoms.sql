-- XComs of the runs $1 that may name a dbt run and have more than $4 bytes. Nothing larger than $2 bytes is fetched, and of one run no more than $3
-- bytes together; the dbt operators' own keys come first.
select s.dag_run_id, s.task_id, s.map_index, s.key, s."timestamp", s.bytes,
       case when s.bytes <= $2::int8 and s.total <= $3::int8 then s.value end
from (
  select x.dag_run_id, x.task_id, x.map_index, x.key, x."timestamp", x.value,
         octet_length(x.value) as bytes,
         sum(case when octet_length(x.value) <= $2::int8 then octet_length(x.value) else 0 end)
           over (partition by x.dag_run_id order by x.key = 'return_value', x.task_id, x.map_index, x.key) as total
  from xcom x
  where x.dag_run_id = any($1::int8[])
    and x.key in ('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink', 'return_value')
    and octet_length(x.value) > $4::int8
) s
