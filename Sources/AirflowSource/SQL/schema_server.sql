-- Who is asking whom.
select current_user::text,
       current_database()::text,
       coalesce((select r.rolsuper from pg_roles r where r.rolname = current_user), false),
       coalesce(has_table_privilege(to_regclass('dag_run')::oid, 'INSERT, UPDATE, DELETE, TRUNCATE'), false),
       pg_is_in_recovery(),
       case when pg_is_in_recovery()
            then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 end,
       current_setting('server_version_num')::int8,
       current_setting('server_encoding')
