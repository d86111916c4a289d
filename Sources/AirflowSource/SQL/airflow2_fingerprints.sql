-- Fingerprints of the runs $1: one number for all that is read of a run. Each column is hashed with a seed of its own
-- and NULL is that seed, so that a value in one column never looks like the same value in another one. Rows are added
-- up: their order does not matter. Times are compared in UTC, whatever the session's time zone. Rendered fields are
-- looked at while a dbt task is under way, for they are written some time after its start; later Airflow throws them out.
-- task_instance_history (2.10 and later) has no index on (dag_id, run_id); each of its rows refers to a live one, which
-- leads to the unique index (dag_id, task_id, run_id, map_index, try_number). That look-up is what costs most, so it is
-- left out for first tries that are over in a run that was never cleared: a row there would be new only together with a
-- change of the live one. While a try is under way its row may come before that change.
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
               where n.task_id = ti.task_id and n.dag_id = ti.dag_id
                 and n.run_id = ti.run_id and n.map_index = ti.map_index
             ) end, 12)
--end
--if task_instance_history
           # case
               when ti.try_number = 1 and {dr.clear_number|int8} = 0
                 and ti.state in ('success', 'failed', 'skipped', 'upstream_failed', 'removed') then 13
               else coalesce(hash_numeric_extended((
                 select sum(hashint8extended(
                          coalesce(hashint8extended(h.try_number, 3), 3)
                          # coalesce(hashtextextended(h.state, 4), 4)
                          # coalesce(timestamp_hash_extended(h.queued_dttm at time zone 'UTC', 5), 5)
                          # coalesce(timestamp_hash_extended(h.start_date at time zone 'UTC', 6), 6)
                          # coalesce(timestamp_hash_extended(h.end_date at time zone 'UTC', 7), 7)
                          # coalesce(hashtextextended(h.operator, 8), 8)
                          # coalesce(hashtextextended({h.custom_operator_name|text}, 9), 9)
                          # coalesce(hashtextextended({h.rendered_map_index|text}, 10), 10)
                          # coalesce(hashint8extended(h.max_tries, 11), 11), 0))
                 from task_instance_history h
                 where h.dag_id = ti.dag_id and h.task_id = ti.task_id
                   and h.run_id = ti.run_id and h.map_index = ti.map_index
               ), 13), 13)
             end
--end
         , 0)) as total
  from task_instance ti
  where ti.dag_id = dr.dag_id and ti.run_id = dr.run_id
) t
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
