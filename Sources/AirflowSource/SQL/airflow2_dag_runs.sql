-- DAG runs of $1. conf is a pickle; one larger than $2 bytes is not fetched.
select dr.id, dr.dag_id, dr.run_id, dr.run_type, dr.state,
       dr.execution_date, null::timestamptz,
       dr.data_interval_start, dr.data_interval_end,
       dr.queued_at, dr.start_date, dr.end_date,
       {dr.clear_number|int4},
       null::text, null::text,
       octet_length(dr.conf),
       case when octet_length(dr.conf) <= $2::int8 then dr.conf end,
       {dn.content|text},
       (select count(*) from task_instance ti where ti.dag_id = dr.dag_id and ti.run_id = dr.run_id)
from dag_run dr
left join dag_run_note dn on dn.dag_run_id = dr.id --if dag_run_note
where dr.id = any($1::int8[])
