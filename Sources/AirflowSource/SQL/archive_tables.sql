-- Tables to which airflow db clean moved DAG runs (_airflow_deleted__dag_run__<time>), the newest first: schema, name,
-- whether this role may read the ids.
select n.nspname::text, c.relname::text,
       has_schema_privilege(n.oid, 'USAGE') and has_column_privilege(c.oid, a.attnum, 'SELECT')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and not a.attisdropped
  and a.atttypid in ('int4'::regtype, 'int8'::regtype)
where starts_with(c.relname::text, '_airflow_deleted__dag_run__') and c.relkind in ('r', 'p')
  and c.relnamespace = (select d.relnamespace from pg_class d where d.oid = to_regclass('dag_run')::oid)
order by c.relname desc
limit 20
