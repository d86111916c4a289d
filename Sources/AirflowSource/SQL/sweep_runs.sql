-- Runs above $1 by rising id, at most $2 and of no more than the next $4 ids, whose last known moment is not before $3
-- (microseconds since 1970; null: all): id, DAG, whether it is open, that moment. Then one row with the highest id of
-- those looked at and their number.
with looked as (
  select dr.id, dr.dag_id, dr.state,
         coalesce(greatest(dr.queued_at, dr.start_date, dr.end_date), {dr.run_after|timestamptz},
                  {dr.logical_date|timestamptz}, {dr.execution_date|timestamptz}) as moment
  from dag_run dr
  where dr.id > $1::int8
  order by dr.id
  limit $4::int8
)
(select l.id, l.dag_id, coalesce(l.state in ('queued', 'running'), false), null::int8, l.moment
 from looked l
 where $3::int8 is null or l.moment >= timestamptz 'epoch' + $3::int8 * interval '1 microsecond'
 order by l.id
 limit $2::int8)
union all
select max(l.id), null, null, count(*), null from looked l
