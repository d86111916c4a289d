-- Earlier tries of the runs $1 (2.10 and later). The table has no index on (dag_id, run_id) there, only a unique one on
-- (dag_id, task_id, run_id, map_index, try_number). A DAG with few earlier tries has them read through, in the index, for
-- each of its runs; where there are more, each live row, to which they refer, leads to its own. OFFSET 0 and the order,
-- which is the index's, keep the planner from going through the whole table instead.
with page as materialized (
  select dr.id, dr.dag_id, dr.run_id from dag_run dr where dr.id = any($1::int8[])
), tried as materialized (
  select d.dag_id,
         (select count(*)
          from (
            select from task_instance_history i
            where i.dag_id = d.dag_id
            order by i.task_id, i.run_id, i.map_index, i.try_number
            limit 1000
          ) l) as tries
  from (select distinct p.dag_id from page p) d
)
select p.id, h.task_id, h.map_index, h.try_number, h.state,
       h.operator, {h.custom_operator_name|text},
       h.queued_dttm, h.start_date, h.end_date, h.duration,
       h.max_tries, h.hostname, h.pool, h.queue,
       {h.rendered_map_index|text},
       false
from page p
join tried t on t.dag_id = p.dag_id and t.tries > 0
cross join lateral (
  select i.*
  from task_instance_history i
  where t.tries < 1000 and i.dag_id = p.dag_id and i.run_id = p.run_id
  union all
  select i.*
  from task_instance ti
  cross join lateral (
    select *
    from task_instance_history e
    where e.dag_id = ti.dag_id and e.task_id = ti.task_id and e.run_id = ti.run_id and e.map_index = ti.map_index
    offset 0
  ) i
  where t.tries >= 1000 and ti.dag_id = p.dag_id and ti.run_id = p.run_id
) h
