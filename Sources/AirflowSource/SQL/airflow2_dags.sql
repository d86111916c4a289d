-- The DAGs $1.
select d.dag_id, d.owners, d.schedule_interval, d.description, d.fileloc, d.is_paused
from dag d
where d.dag_id = any($1::text[])
