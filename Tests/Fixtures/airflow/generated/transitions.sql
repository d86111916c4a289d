-- Plays an Airflow at work, in a database that `history.sql` has filled: `select generated.transition(n)` for n = 0, 1, 2, …
-- is one state change of one task each. `slots` DAG runs of DAG `lag` are under way at any time, each at another point of
-- its life; when a run has ended, the next one begins in its place.
create table generated.run_template as
  select * from public.dag_run where state = 'success' order by id desc limit 1;
create table generated.task_template as
  select * from public.task_instance where state = 'success' and map_index = -1 limit 1;

create function generated.transition(n bigint, tasks int default 10, slots int default 40) returns void
language plpgsql set session_replication_role = replica as $$
declare
  -- A run is made, then every task is queued, runs and ends; the last end is the run's.
  steps int := 3 * tasks + 1;
  slot bigint := n % slots;
  -- Each slot is a little further on than the one before it.
  position bigint := n / slots + slot;
  step int := position % steps;
  name text := format('lag_%s_%s', position / steps, slot);
  now timestamptz := clock_timestamp();
  date_column text := case when to_jsonb(t) ? 'logical_date' then 'logical_date' else 'execution_date' end
    from generated.run_template t;
begin
  if step = 0 then
    insert into public.dag_run
      select (jsonb_populate_record(t, jsonb_build_object(
        'id', nextval('public.dag_run_id_seq'), 'dag_id', 'lag', 'run_id', name, 'state', 'running', 'queued_at', now,
        'start_date', now, 'end_date', null, date_column, now))).*
      from generated.run_template t;
    insert into public.task_instance
      select (jsonb_populate_record(t, jsonb_build_object(
        'id', gen_random_uuid(), 'dag_id', 'lag', 'run_id', name, 'task_id', 'task_' || k, 'state', null, 'try_number', 0,
        'queued_dttm', null, 'start_date', null, 'end_date', null, 'duration', null))).*
      from generated.task_template t, generate_series(1, tasks) k;
    return;
  end if;
  update public.task_instance set
    state = (array['queued', 'running', 'success'])[(step - 1) % 3 + 1],
    try_number = 1,
    queued_dttm = case when (step - 1) % 3 = 0 then now else queued_dttm end,
    start_date = case when (step - 1) % 3 = 1 then now else start_date end,
    end_date = case when (step - 1) % 3 = 2 then now end
  where dag_id = 'lag' and run_id = name and task_id = 'task_' || ((step - 1) / 3 + 1);
  if step = steps - 1 then
    update public.dag_run set state = 'success', end_date = now where dag_id = 'lag' and run_id = name;
  end if;
end
$$;
