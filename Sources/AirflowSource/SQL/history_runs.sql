-- Runs below $1, newest first, at most $2, whose last known moment is not before $3 (microseconds since 1970; null: all).
select dr.id, dr.dag_id
from dag_run dr
where dr.id < $1::int8
  and ($3::int8 is null
       or coalesce(greatest(dr.queued_at, dr.start_date, dr.end_date), {dr.run_after|timestamptz},
                   {dr.logical_date|timestamptz}, {dr.execution_date|timestamptz})
          >= timestamptz 'epoch' + $3::int8 * interval '1 microsecond')
order by dr.id desc
limit $2::int8
