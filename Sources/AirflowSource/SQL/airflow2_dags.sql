-- The DAGs of the runs $1.
select d.dag_id, d.owners, d.schedule_interval, d.description, d.fileloc, d.is_paused
from dag d
where d.dag_id in (select dr.dag_id from dag_run dr where dr.id = any($1::int8[]))
