-- DAG runs of $1. conf is jsonb; one larger than $2 bytes is not fetched. The stored size, which may be compressed, is
-- looked at first, so that a huge value is never unpacked.
select dr.id, dr.dag_id, dr.run_id, dr.run_type, dr.state,
       dr.logical_date, {dr.run_after|timestamptz},
       dr.data_interval_start, dr.data_interval_end,
       dr.queued_at, dr.start_date, dr.end_date,
       {dr.clear_number|int4},
       {dr.triggered_by|text}, {dr.triggering_user_name|text},
       case when pg_column_size(dr.conf) > $2::int8 then pg_column_size(dr.conf) else octet_length(dr.conf::text) end,
       case when pg_column_size(dr.conf) > $2::int8 then null
            when octet_length(dr.conf::text) > $2::int8 then null
            else dr.conf::text end,
       {dn.content|text},
       (select count(*) from task_instance ti where ti.dag_id = dr.dag_id and ti.run_id = dr.run_id)
from dag_run dr
left join dag_run_note dn on dn.dag_run_id = dr.id --if dag_run_note
where dr.id = any($1::int8[])
