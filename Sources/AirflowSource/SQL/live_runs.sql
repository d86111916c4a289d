-- Ids of the runs that a poll reads, each with the reason: 1 above the cursor $1 (at most $2), 2 in the window between
-- $3 and the cursor, 3 open, 4 remembered ($4), 5 the highest id of all. Open runs are asked for by two equalities
-- because the partial indexes of a fresh Airflow database match nothing else.
(select dr.id, dr.dag_id, 1::int8 from dag_run dr where dr.id > $1::int8 order by dr.id limit $2::int8)
union all
select dr.id, dr.dag_id, 2::int8 from dag_run dr where dr.id > $3::int8 and dr.id <= $1::int8
union all
select dr.id, dr.dag_id, 3::int8 from dag_run dr where dr.state = 'running'
union all
select dr.id, dr.dag_id, 3::int8 from dag_run dr where dr.state = 'queued'
union all
select dr.id, dr.dag_id, 4::int8 from dag_run dr where dr.id = any($4::int8[])
union all
(select dr.id, dr.dag_id, 5::int8 from dag_run dr order by dr.id desc limit 1)
