-- How large tables are that mostly are empty or small, in bytes on the disk, so that nothing is read: a table that holds
-- a row has some. What is no plain table, such as a view, counts as large.
select coalesce(max(s.bytes) filter (where s.name = 'task_instance_history'), 0),
       coalesce(max(s.bytes) filter (where s.name = 'task_reschedule'), 0),
       coalesce(max(s.bytes) filter (where s.name = 'task_instance_note'), 0)
from (
  select c.relname::text as name, case c.relkind when 'r' then pg_relation_size(c.oid) else 1::int8 << 40 end as bytes
  from pg_class c
  where c.oid in (to_regclass('task_instance_history'), to_regclass('task_reschedule'), to_regclass('task_instance_note'))
) s
