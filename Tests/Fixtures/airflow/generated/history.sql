-- Fills an Airflow database that holds only a schema (2.4 to 3.3) with made-up but lawful history:
--
--   \i history.sql
--   select generated.history(runs => 20000, tasks => 50, open_runs => 40);
--
-- The same arguments make the same rows, but for uuids. Of the task instances 5 % are dbt Cloud tasks with the XComs that
-- the operator leaves, every fourth of the others returns a value; some were tried twice, some are mapped, some sensors
-- were rescheduled; every DAG's newest 30 runs have their rendered fields, as Airflow keeps them.
create schema generated;

-- Inserts what `source` (FROM and so on) gives. `columns` are pairs of a column and its expression; those that this
-- version's table lacks are left out, and nothing happens where there is no such table.
create function generated.fill(target text, source text, columns text[]) returns void language plpgsql as $$
declare
  names text;
  expressions text;
begin
  select string_agg(format('%I', p.name), ', ' order by p.position), string_agg(p.expression, ', ' order by p.position)
  into names, expressions
  from (select i as position, columns[i] as name, columns[i + 1] as expression
        from generate_series(1, cardinality(columns), 2) i) p
  where exists (select 1 from pg_attribute a
                where a.attrelid = to_regclass('public.' || target)::oid and a.attname = p.name and not a.attisdropped);
  if names is not null then
    execute format('insert into public.%I (%s) select %s %s', target, names, expressions, source);
  end if;
end
$$;

create function generated.history(
  runs int, tasks int default 50, dags int default 200, open_runs int default 0,
  newest timestamptz default now(), spacing interval default '4 minutes'
) returns void language plpgsql set session_replication_role = replica as $$
declare
  is_airflow3 boolean := exists (
    select 1 from pg_attribute where attrelid = 'public.dag_run'::regclass and attname = 'logical_date');
  -- An XCom as this version keeps it; %s is an expression of type text that holds JSON.
  json text := case when is_airflow3 then '(%s)::jsonb' else 'convert_to(%s, ''UTF8'')' end;
  -- 2.10 and later count a try when it is scheduled, earlier ones when it starts.
  has_history boolean := to_regclass('public.task_instance_history') is not null;
begin
  create unlogged table generated.run as
    select r as id, r % dags as dag, format('dag_%s', lpad((r % dags)::text, 4, '0')) as dag_id, t.at,
           'scheduled__' || to_char(t.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '+00:00' as run_id,
           case when r > runs - open_runs then 'running' when r % 33 = 0 then 'failed' else 'success' end as state
    from generate_series(1, runs) r
    cross join lateral (select date_trunc('second', newest) - (runs - r) * spacing as at) t;

  perform generated.fill('dag_bundle', '', array['name', '''dags-folder''', 'active', 'true']);
  perform generated.fill('dag', format('from generate_series(0, %s) d', dags - 1), array[
    'dag_id', 'format(''dag_%s'', lpad(d::text, 4, ''0''))', 'is_paused', 'd % 50 = 49', 'is_subdag', 'false',
    'is_active', 'true', 'is_stale', 'false', 'fileloc', 'format(''/opt/airflow/dags/team_%s/dag_%s.py'', d % 10, d)',
    'relative_fileloc', 'format(''team_%s/dag_%s.py'', d % 10, d)', 'bundle_name', '''dags-folder''',
    'owners', 'format(''team-%s'', d % 10)', 'description', 'case when d % 3 = 0 then ''made up'' end',
    'default_view', '''grid''', 'schedule_interval', '''"0 * * * *"''', 'timetable_type', '''CronTriggerTimetable''',
    'timetable_summary', '''0 * * * *''', 'max_active_tasks', '16', 'max_active_runs', '16',
    'max_consecutive_failed_dag_runs', '0', 'has_task_concurrency_limits', 'false', 'partition_mapper_info', '''[]''']);
  perform generated.fill('dag_tag', format('from generate_series(0, %s) d', dags - 1), array[
    'name', 'format(''team-%s'', d % 10)', 'dag_id', 'format(''dag_%s'', lpad(d::text, 4, ''0''))']);
  perform generated.fill('dag_run', 'from generated.run r', array[
    'id', 'r.id', 'dag_id', 'r.dag_id', 'run_id', 'r.run_id', 'run_type', '''scheduled''', 'state', 'r.state',
    'queued_at', 'r.at', 'start_date', 'r.at + interval ''1 s''',
    'end_date', 'case when r.state <> ''running'' then r.at + interval ''31 min'' end',
    'execution_date', 'r.at', 'logical_date', 'r.at', 'run_after', 'r.at', 'data_interval_start', 'r.at',
    'data_interval_end', 'r.at', 'last_scheduling_decision', 'r.at + interval ''20 min''',
    'conf', case when is_airflow3 then '''{}''' else '''\x80057d942e''::bytea' end,
    'external_trigger', 'false', 'creating_job_id', '1', 'dag_hash', 'md5(r.dag_id)', 'log_template_id', '1',
    'clear_number', '0', 'triggered_by', '''TIMETABLE''', 'created_at', 'r.at',
    'updated_at', 'r.at + interval ''31 min''', 'span_status', '''ended''']);

  -- One row per task instance, in the order in which a database fills. In every tenth DAG the last ten are one mapped task.
  create unlogged table generated.task as
    select r.id as run, r.dag_id, r.run_id, r.at, k, r.state as run_state,
           t.is_dbt and not t.is_mapped as is_dbt, t.is_sensor, 50000000 + r.id::bigint * tasks + k as dbt_run,
           case when t.is_mapped then 'load.partition' when t.is_dbt then 'transform.dbt_run_' || k
                when t.is_sensor then 'wait_for_' || k when k % 7 = 0 then 'extract.load_table_' || k else 'task_' || k
           end as task_id,
           case when t.is_mapped then k - tasks + 9 else -1 end as map_index,
           case when t.is_mapped then 'BashOperator' when t.is_dbt then 'DbtCloudRunJobOperator' when t.is_sensor then 'ExternalTaskSensor'
                when k % 7 = 0 then 'SnowflakeOperator' when k % 3 = 0 then 'BashOperator' else '_PythonDecoratedOperator'
           end as operator,
           t.start_date,
           case when r.state = 'running' and k > tasks * 0.6
                then case when k = floor(tasks * 0.6)::int + 1 then 'running' end
                when r.state = 'failed' and k = tasks - 2 then 'failed'
                when r.state = 'failed' and k > tasks - 2 then 'upstream_failed'
                when k % 31 = 0 then 'skipped' else 'success' end as state,
           r.id % 4 = 0 and k % 10 = 0 as is_retried
    from generated.run r
    cross join generate_series(1, tasks) k
    cross join lateral (
      select (r.dag * 7 + k * 13) % 20 = 0 as is_dbt, r.dag % 5 = 0 and k = 3 as is_sensor,
             r.dag % 10 = 0 and k > tasks - 10 as is_mapped, r.at + k * interval '35 s' as start_date
    ) t
    order by r.id, k;
  alter table generated.task add column ran boolean, add column id uuid;
  update generated.task set ran = coalesce(state in ('success', 'failed', 'running'), false), id = gen_random_uuid();

  perform generated.fill('task_instance', 'from generated.task t order by run, k', array[
    'id', 't.id', 'task_id', 't.task_id', 'dag_id', 't.dag_id', 'run_id', 't.run_id', 'map_index', 't.map_index',
    'start_date', 'case when t.state <> ''upstream_failed'' then t.start_date end',
    'end_date', 'case when t.state <> ''running'' then t.start_date + interval ''30 s'' end',
    'duration', 'case when t.state in (''success'', ''failed'') then 30.123456 end', 'state', 't.state',
    'try_number', 'case when not t.ran then 0 when t.is_retried then 2 else 1 end', 'max_tries', '2',
    'hostname', 'case when t.ran then format(''worker-%s.airflow-worker.data.svc.cluster.local'', t.run % 8) else '''' end',
    'unixname', '''airflow''', 'job_id', 't.run', 'pool', '''default_pool''', 'pool_slots', '1',
    'queue', '''default''', 'priority_weight', '1', 'operator', 't.operator',
    'custom_operator_name', 'case when t.operator = ''_PythonDecoratedOperator'' then ''@task'''
      || case when is_airflow3 then ' else t.operator end' else ' end' end,
    'queued_dttm', 'case when t.state is not null then t.start_date - interval ''1 s'' end',
    'scheduled_dttm', 't.start_date - interval ''2 s''', 'queued_by_job_id', '1', 'pid', '4242',
    'executor_config', '''\x80057d942e''::bytea', 'updated_at', 't.start_date + interval ''30 s''',
    'external_executor_id', 'gen_random_uuid()::text', 'task_display_name', 't.task_id', 'span_status', '''ended''']);
  if has_history then
    perform generated.fill('task_instance_history', 'from generated.task t where t.ran and t.is_retried order by run, k', array[
      'task_instance_id', 'gen_random_uuid()', 'task_id', 't.task_id', 'dag_id', 't.dag_id', 'run_id', 't.run_id',
      'map_index', 't.map_index', 'try_number', '1', 'start_date', 't.start_date - interval ''90 s''',
      'end_date', 't.start_date - interval ''60 s''', 'duration', '30.0', 'state', '''failed''', 'max_tries', '2',
      'hostname', 'format(''worker-%s.airflow-worker.data.svc.cluster.local'', t.run % 8)', 'unixname', '''airflow''',
      'pool', '''default_pool''', 'pool_slots', '1', 'queue', '''default''', 'priority_weight', '1',
      'operator', 't.operator', 'queued_dttm', 't.start_date - interval ''91 s''', 'task_display_name', 't.task_id',
      'executor_config', '''\x80057d942e''::bytea', 'updated_at', 't.start_date', 'span_status', '''ended''']);
  end if;

  -- What DbtCloudRunJobOperator leaves: the address and the id as soon as the run is triggered, the id again at the end.
  perform generated.fill('xcom', $q$
    from generated.task t
    cross join (values ('job_run_url'), ('job_run_id'), ('return_value'), ('_link_DbtCloudRunJobOperatorLink')) x(key)
    where t.is_dbt and t.ran and (t.state = 'success' or x.key in ('job_run_url', 'job_run_id'))
      and (x.key <> '_link_DbtCloudRunJobOperatorLink' or $q$ || is_airflow3 || $q$)
    order by t.run, t.k $q$, array[
    'dag_run_id', 't.run', 'task_id', 't.task_id', 'map_index', 't.map_index', 'key', 'x.key', 'dag_id', 't.dag_id',
    'run_id', 't.run_id', 'timestamp', 't.start_date + interval ''1 s''',
    'value', format(json, $q$case when x.key in ('return_value', 'job_run_id') then t.dbt_run::text
      else format('"https://cloud.getdbt.com/deploy/1001/projects/501/runs/%s/"', t.dbt_run) end$q$)]);
  perform generated.fill(
    'xcom', 'from generated.task t where not t.is_dbt and t.k % 4 = 1 and t.state = ''success'' order by t.run, t.k', array[
    'dag_run_id', 't.run', 'task_id', 't.task_id', 'map_index', 't.map_index', 'key', '''return_value''',
    'dag_id', 't.dag_id', 'run_id', 't.run_id', 'timestamp', 't.start_date + interval ''29 s''',
    'value', format(
      json, 'format(''{"path": "s3://bucket/%s/%s", "rows": %s}'', t.dag_id, t.run_id, t.k * 1000)')]);
  perform generated.fill(
    'rendered_task_instance_fields', format('from generated.task t where t.ran and t.run > %s - 30 * %s', runs, dags), array[
    'dag_id', 't.dag_id', 'task_id', 't.task_id', 'run_id', 't.run_id', 'map_index', 't.map_index', 'rendered_fields',
    $q$case when t.is_dbt then format('{"dbt_cloud_conn_id": "dbt_cloud_default", "job_id": %s, "project_name": null, "environment_name": null, "job_name": null, "account_id": null, "trigger_reason": null, "steps_override": null, "schema_override": null, "additional_run_config": {}}', 100 + t.k)
      else '{"op_args": [], "op_kwargs": {}, "templates_dict": null}' end::json$q$]);
  perform generated.fill('task_reschedule', 'from generated.task t, generate_series(1, 3) p where t.ran and t.is_sensor', array[
    'ti_id', 't.id', 'task_id', 't.task_id', 'dag_id', 't.dag_id', 'run_id', 't.run_id', 'map_index', 't.map_index',
    'try_number', 'case when t.is_retried then 2 else 1 end', 'duration', '1',
    'start_date', 't.start_date - p * interval ''5 s''', 'end_date', 't.start_date - p * interval ''5 s'' + interval ''1 s''',
    'reschedule_date', 't.start_date - (p - 1) * interval ''5 s''']);
  perform generated.fill('dag_run_note', 'from generated.run r where r.id % 40 = 0', array[
    'dag_run_id', 'r.id', 'content', '''looked at this run''', 'created_at', 'r.at', 'updated_at', 'r.at']);
  perform generated.fill('task_instance_note', 'from generated.task t where t.run % 10 = 0 and t.k = 2', array[
    'ti_id', 't.id', 'task_id', 't.task_id', 'dag_id', 't.dag_id', 'run_id', 't.run_id', 'map_index', 't.map_index',
    'content', '''looked at this task''', 'created_at', 't.at', 'updated_at', 't.at']);
  drop table generated.task, generated.run;
  perform setval('public.dag_run_id_seq', runs);
end
$$;
