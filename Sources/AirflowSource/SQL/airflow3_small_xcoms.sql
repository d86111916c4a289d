-- XComs of the runs $1 that may name a dbt run, with their value when it has no more than $2 bytes. The stored size,
-- which may be compressed, is looked at first, so that a huge value is never unpacked.
select x.dag_run_id, x.task_id, x.map_index, x.key, x."timestamp",
       x.value is null,
       case when octet_length(t.text) <= $2::int8 then t.text end
from xcom x
cross join lateral (
  select case when pg_column_size(x.value) <= $2::int8 then x.value::text end as text offset 0
) t
where x.dag_run_id = any($1::int8[])
  and x.key in ('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink', 'return_value')
