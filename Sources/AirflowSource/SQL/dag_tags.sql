-- Tags of the DAGs $1.
select dt.dag_id, dt.name
from dag_tag dt
where dt.dag_id = any($1::text[])
