-- The highest run id.
select max(dr.id) from dag_run dr
