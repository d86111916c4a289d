-- The DAGs of the runs $1.
select d.dag_id, d.owners, d.timetable_summary, d.description,
       coalesce(nullif({d.relative_fileloc|text}, ''), d.fileloc), d.is_paused
from dag d
where d.dag_id in (select dr.dag_id from dag_run dr where dr.id = any($1::int8[]))
