-- Fingerprints of the runs $1: one number for all that is read of a run. Each column is hashed with a seed of its own
-- and NULL is that seed, so that a value in one column never looks like the same value in another one. Rows are added
-- up: their order does not matter. Times are compared in UTC, whatever the session's time zone. Rendered fields are
-- looked at while a dbt task is under way, for they are written some time after its start; later Airflow throws them out.
select dr.id,
       hashtextextended(dr.dag_id, 1)
       # hashtextextended(dr.run_id, 2)
       # coalesce(hashtextextended(dr.state, 3), 3)
       # coalesce(timestamp_hash_extended(dr.queued_at at time zone 'UTC', 4), 4)
       # coalesce(timestamp_hash_extended(dr.start_date at time zone 'UTC', 5), 5)
       # coalesce(timestamp_hash_extended(dr.end_date at time zone 'UTC', 6), 6)
       # coalesce(hashint8extended({dr.clear_number|int8}, 7), 7)
       # coalesce(hashtextextended({dn.content|text}, 8), 8)
       # coalesce(hash_numeric_extended(t.total, 9), 9)
       # coalesce(hash_numeric_extended(hs.total, 10), 10) --if task_instance_history
       # coalesce(hash_numeric_extended(k.total, 11), 11)
from dag_run dr
left join dag_run_note dn on dn.dag_run_id = dr.id --if dag_run_note
cross join lateral (
  select sum(hashint8extended(
           hashtextextended(ti.task_id, 1)
           # hashint8extended(ti.map_index, 2)
           # coalesce(hashint8extended(ti.try_number, 3), 3)
           # coalesce(hashtextextended(ti.state, 4), 4)
           # coalesce(timestamp_hash_extended(ti.queued_dttm at time zone 'UTC', 5), 5)
           # coalesce(timestamp_hash_extended(ti.start_date at time zone 'UTC', 6), 6)
           # coalesce(timestamp_hash_extended(ti.end_date at time zone 'UTC', 7), 7)
           # coalesce(hashtextextended(ti.operator, 8), 8)
           # coalesce(hashtextextended({ti.custom_operator_name|text}, 9), 9)
           # coalesce(hashtextextended({ti.rendered_map_index|text}, 10), 10)
           # coalesce(hashint8extended(ti.max_tries, 11), 11)
           # case
               when ti.state in ('running', 'deferred', 'up_for_reschedule')
                 and (ti.operator ilike '%dbt%' or {ti.custom_operator_name|text} ilike '%dbt%')
               then coalesce((
                 select hashtextextended(r.rendered_fields::text, 14)
                 from rendered_task_instance_fields r
                 where r.dag_id = ti.dag_id and r.task_id = ti.task_id
                   and r.run_id = ti.run_id and r.map_index = ti.map_index
                   and pg_column_size(r.rendered_fields) <= 65536
               ), 14)
               else 0
             end
--if task_instance_note
           # coalesce(case when exists (select from task_instance_note) then (
               select hashtextextended(n.content, 12)
               from task_instance_note n
               where n.ti_id = ti.id
             ) end, 12)
--end
         , 0)) as total
  from task_instance ti
  where ti.dag_id = dr.dag_id and ti.run_id = dr.run_id
) t
--if task_instance_history
cross join lateral (
  select sum(hashint8extended(
           hashtextextended(h.task_id, 1)
           # hashint8extended(h.map_index, 2)
           # coalesce(hashint8extended(h.try_number, 3), 3)
           # coalesce(hashtextextended(h.state, 4), 4)
           # coalesce(timestamp_hash_extended(h.queued_dttm at time zone 'UTC', 5), 5)
           # coalesce(timestamp_hash_extended(h.start_date at time zone 'UTC', 6), 6)
           # coalesce(timestamp_hash_extended(h.end_date at time zone 'UTC', 7), 7)
           # coalesce(hashtextextended(h.operator, 8), 8)
           # coalesce(hashtextextended({h.custom_operator_name|text}, 9), 9)
           # coalesce(hashtextextended({h.rendered_map_index|text}, 10), 10)
           # coalesce(hashint8extended(h.max_tries, 11), 11), 0)) as total
  from task_instance_history h
  where h.dag_id = dr.dag_id and h.run_id = dr.run_id
) hs
--end
cross join lateral (
  select sum(hashint8extended(
           hashtextextended(x.task_id, 1)
           # hashint8extended(x.map_index, 2)
           # hashtextextended(x.key, 3)
           # timestamp_hash_extended(x."timestamp" at time zone 'UTC', 4), 0)) as total
  from xcom x
  where x.dag_run_id = dr.id
    and x.key in ('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink', 'return_value')
) k
where dr.id = any($1::int8[])
