-- The head of Airflow's migrations.
select string_agg(v.version_num, ',' order by v.version_num) from alembic_version v
