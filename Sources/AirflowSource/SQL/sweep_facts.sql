-- The lowest run id, and whether airflow db clean has left tables with runs that it removed.
select (select min(dr.id) from dag_run dr),
       exists (
         select 1
         from pg_class c
         where starts_with(c.relname::text, '_airflow_deleted__dag_run__') and c.relkind in ('r', 'p')
           and c.relnamespace = (select d.relnamespace from pg_class d where d.oid = to_regclass('dag_run')::oid))
