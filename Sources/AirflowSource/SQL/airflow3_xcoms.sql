-- XComs of the runs $1 that may name a dbt run and have more than $4 bytes. Nothing larger than $2 bytes is fetched, and of one run no more than $3
-- bytes together; the dbt operators' own keys come first. The stored size, which may be compressed, is looked at first,
-- so that a huge value is never unpacked.
select s.dag_run_id, s.task_id, s.map_index, s.key, s."timestamp", s.bytes,
       case when s.bytes <= $2::int8 and s.total <= $3::int8 then s.value::text end
from (
  select m.*,
         sum(case when m.bytes <= $2::int8 then m.bytes else 0 end)
           over (partition by m.dag_run_id order by m.key = 'return_value', m.task_id, m.map_index, m.key) as total
  from (
    select x.dag_run_id, x.task_id, x.map_index, x.key, x."timestamp", x.value,
           case when pg_column_size(x.value) > $2::int8 then pg_column_size(x.value)
                else octet_length(x.value::text) end as bytes
    from xcom x
    where x.dag_run_id = any($1::int8[])
      and x.key in ('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink', 'return_value')
      and (pg_column_size(x.value) > $4::int8 or octet_length(x.value::text) > $4::int8)
  ) m
) s
