-- What is left in dag_run: the earliest start of all runs but the newest of each DAG, which airflow db clean spares, the
-- number of DAGs and the latest start; and those of the DAGs $1 that still have a run.
with newest as (select dr.dag_id, max(dr.id) as id from dag_run dr group by dr.dag_id)
select null::text,
       (select min(dr.start_date) from dag_run dr where not exists (select 1 from newest n where n.id = dr.id)),
       (select count(*) from newest),
       (select max(dr.start_date) from dag_run dr)
union all
select n.dag_id, null, null, null from newest n where n.dag_id = any($1::text[])
