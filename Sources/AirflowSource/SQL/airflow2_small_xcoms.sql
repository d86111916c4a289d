-- XComs of the runs $1 that may name a dbt run, with their value when it has no more than $2 bytes.
select x.dag_run_id, x.task_id, x.map_index, x.key, x."timestamp",
       x.value is null,
       case when octet_length(x.value) <= $2::int8 then x.value end
from xcom x
where x.dag_run_id = any($1::int8[])
  and x.key in ('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink', 'return_value')
