-- First statement of every read. statement_timestamp() is not later than the snapshot: what the snapshot does not
-- show was committed after it. The replay lag is an upper bound, for it grows while the primary writes nothing.
select statement_timestamp(),
       pg_is_in_recovery(),
       case when pg_is_in_recovery()
            then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 end,
       (select string_agg(v.version_num, ',' order by v.version_num) from alembic_version v) --if alembic_version
       null::text --unless alembic_version
