-- Tags of the DAGs of the runs $1.
select dt.dag_id, dt.name
from dag_tag dt
where dt.dag_id in (select dr.dag_id from dag_run dr where dr.id = any($1::int8[]))
