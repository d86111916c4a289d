-- How many runs history_runs.sql would give without a limit.
select count(*)
from dag_run dr
where dr.id < $1::int8
  and ($2::int8 is null
       or coalesce(greatest(dr.queued_at, dr.start_date, dr.end_date), {dr.run_after|timestamptz},
                   {dr.logical_date|timestamptz}, {dr.execution_date|timestamptz})
          >= timestamptz 'epoch' + $2::int8 * interval '1 microsecond')
