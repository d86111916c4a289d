-- The DAGs $1.
select d.dag_id, d.owners, d.timetable_summary, d.description,
       coalesce(nullif({d.relative_fileloc|text}, ''), d.fileloc), d.is_paused
from dag d
where d.dag_id = any($1::text[])
