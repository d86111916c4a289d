-- Which of the runs $1 exist.
select dr.id, dr.dag_id from dag_run dr where dr.id = any($1::int8[])
