-- What `airflow db migrate` of Airflow 3.3.2 does to a database of 2.11.2, one transaction per revision, as it really
-- did it to the dump of 2.11.2: README.md says how this was recorded.

-- 044f740568ec: Drop ab_user.id foreign key
BEGIN;
ALTER TABLE dag_run_note DROP CONSTRAINT dag_run_note_user_fkey;
ALTER TABLE task_instance_note DROP CONSTRAINT task_instance_note_user_fkey;
UPDATE alembic_version SET version_num='044f740568ec' WHERE alembic_version.version_num = '5f2621c13b39';
COMMIT;

-- d0f1c55954fa: Remove SubDAGs: ``is_subdag`` & ``root_dag_id`` columns from DAG table
BEGIN;
ALTER TABLE dag DROP COLUMN is_subdag;
DROP INDEX idx_root_dag_id;
ALTER TABLE dag DROP COLUMN root_dag_id;
UPDATE alembic_version SET version_num='d0f1c55954fa' WHERE alembic_version.version_num = '044f740568ec';
COMMIT;

-- 0bfc26bc256e: Rename DagModel schedule_interval to timetable_summary
BEGIN;
ALTER TABLE dag ALTER COLUMN schedule_interval TYPE TEXT;
ALTER TABLE dag ALTER COLUMN schedule_interval DROP NOT NULL;
ALTER TABLE dag RENAME schedule_interval TO timetable_summary;
UPDATE alembic_version SET version_num='0bfc26bc256e' WHERE alembic_version.version_num = 'd0f1c55954fa';
COMMIT;

-- a2c32e6c7729: Add triggered_by field to DagRun
BEGIN;
ALTER TABLE dag_run ADD COLUMN triggered_by VARCHAR(50);
UPDATE alembic_version SET version_num='a2c32e6c7729' WHERE alembic_version.version_num = '0bfc26bc256e';
COMMIT;

-- 1cdc775ca98f: Rename execution_date to logical_date
BEGIN;
ALTER TABLE dag_run ALTER COLUMN execution_date DROP NOT NULL;
ALTER TABLE dag_run RENAME execution_date TO logical_date;
ALTER TABLE dag_run DROP CONSTRAINT dag_run_dag_id_execution_date_key;
ALTER TABLE dag_run ADD CONSTRAINT dag_run_dag_id_logical_date_key UNIQUE (dag_id, logical_date);
ALTER TABLE log ALTER COLUMN execution_date DROP NOT NULL;
ALTER TABLE log RENAME execution_date TO logical_date;
UPDATE alembic_version SET version_num='1cdc775ca98f' WHERE alembic_version.version_num = 'a2c32e6c7729';
COMMIT;

-- 522625f6d606: Add tables for backfill
BEGIN;
CREATE TABLE backfill (
id SERIAL NOT NULL,
dag_id VARCHAR(250) NOT NULL,
from_date TIMESTAMP WITH TIME ZONE NOT NULL,
to_date TIMESTAMP WITH TIME ZONE NOT NULL,
dag_run_conf JSON NOT NULL,
is_paused BOOLEAN,
max_active_runs INTEGER NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
completed_at TIMESTAMP WITH TIME ZONE,
updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT backfill_pkey PRIMARY KEY (id)
);
CREATE TABLE backfill_dag_run (
id SERIAL NOT NULL,
backfill_id INTEGER NOT NULL,
dag_run_id INTEGER,
sort_ordinal INTEGER NOT NULL,
CONSTRAINT backfill_dag_run_pkey PRIMARY KEY (id),
CONSTRAINT ix_bdr_backfill_id_dag_run_id UNIQUE (backfill_id, dag_run_id),
CONSTRAINT bdr_backfill_fkey FOREIGN KEY(backfill_id) REFERENCES backfill (id) ON DELETE cascade,
CONSTRAINT bdr_dag_run_fkey FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE set null
);
UPDATE alembic_version SET version_num='522625f6d606' WHERE alembic_version.version_num = '1cdc775ca98f';
COMMIT;

-- 16cbcb1c8c36: Remove redundant index
BEGIN;
DROP INDEX idx_log_dag;
UPDATE alembic_version SET version_num='16cbcb1c8c36' WHERE alembic_version.version_num = '522625f6d606';
COMMIT;

-- 44eabb1904b4: Update dag_run_note.user_id and task_instance_note.user_id columns to String
BEGIN;
ALTER TABLE dag_run_note ALTER COLUMN user_id TYPE VARCHAR(128);
ALTER TABLE task_instance_note ALTER COLUMN user_id TYPE VARCHAR(128);
UPDATE alembic_version SET version_num='44eabb1904b4' WHERE alembic_version.version_num = '16cbcb1c8c36';
COMMIT;

-- 0d9e73a75ee4: Add name and group fields to DatasetModel
BEGIN;
DROP INDEX idx_name_unique;
CREATE UNIQUE INDEX idx_dataset_alias_name_unique ON dataset_alias (name);
ALTER TABLE dataset ADD COLUMN name VARCHAR(1500);
ALTER TABLE dataset ADD COLUMN "group" VARCHAR(1500);
UPDATE dataset SET name = uri, "group" = 'asset';
ALTER TABLE dataset ALTER COLUMN name SET NOT NULL;
ALTER TABLE dataset ALTER COLUMN uri TYPE VARCHAR(1500);
ALTER TABLE dataset ALTER COLUMN uri SET NOT NULL;
ALTER TABLE dataset ALTER COLUMN "group" TYPE VARCHAR(1500);
ALTER TABLE dataset ALTER COLUMN "group" SET NOT NULL;
DROP INDEX idx_uri_unique;
CREATE UNIQUE INDEX idx_dataset_name_uri_unique ON dataset (name, uri);
UPDATE alembic_version SET version_num='0d9e73a75ee4' WHERE alembic_version.version_num = '44eabb1904b4';
COMMIT;

-- c3389cd7793f: Add backfill to dag run model
BEGIN;
ALTER TABLE dag_run ADD COLUMN backfill_id INTEGER;
ALTER TABLE dag_run ADD CONSTRAINT dag_run_backfill_id_fkey FOREIGN KEY(backfill_id) REFERENCES backfill (id);
UPDATE alembic_version SET version_num='c3389cd7793f' WHERE alembic_version.version_num = '0d9e73a75ee4';
COMMIT;

-- 5a5d66100783: Add AssetActive to track orphaning instead of a flag
BEGIN;
CREATE TABLE asset_active (
name VARCHAR(1500) NOT NULL,
uri VARCHAR(1500) NOT NULL,
CONSTRAINT asset_active_pkey PRIMARY KEY (name, uri),
CONSTRAINT asset_active_asset_name_uri_fkey FOREIGN KEY(name, uri) REFERENCES dataset (name, uri) ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_asset_active_uri_unique ON asset_active (uri);
CREATE UNIQUE INDEX idx_asset_active_name_unique ON asset_active (name);
insert into asset_active (name, uri) select name, uri from dataset where is_orphaned = false;
ALTER TABLE dataset DROP COLUMN is_orphaned;
UPDATE alembic_version SET version_num='5a5d66100783' WHERE alembic_version.version_num = 'c3389cd7793f';
COMMIT;

-- fb2d4922cd79: Tweak AssetAliasModel to match AssetModel after AIP-76
BEGIN;
ALTER TABLE dataset_alias ALTER COLUMN name TYPE VARCHAR(1500);
ALTER TABLE dataset_alias ALTER COLUMN name SET NOT NULL;
ALTER TABLE dataset_alias ADD COLUMN "group" VARCHAR(1500);
UPDATE dataset_alias SET "group" = 'asset';
ALTER TABLE dataset_alias ALTER COLUMN "group" TYPE VARCHAR(1500);
ALTER TABLE dataset_alias ALTER COLUMN "group" SET NOT NULL;
UPDATE alembic_version SET version_num='fb2d4922cd79' WHERE alembic_version.version_num = '5a5d66100783';
COMMIT;

-- 3a8972ecb8f9: Add exception_reason and logical_date to BackfillDagRun
BEGIN;
ALTER TABLE backfill ADD COLUMN reprocess_behavior VARCHAR(250) NOT NULL;
ALTER TABLE backfill_dag_run ADD COLUMN exception_reason VARCHAR(250);
ALTER TABLE backfill_dag_run ADD COLUMN logical_date TIMESTAMP WITH TIME ZONE NOT NULL;
UPDATE alembic_version SET version_num='3a8972ecb8f9' WHERE alembic_version.version_num = 'fb2d4922cd79';
COMMIT;

-- 05234396c6fc: Rename dataset as asset
BEGIN;
ALTER TABLE dataset_alias_dataset DROP CONSTRAINT IF EXISTS dataset_alias_dataset_dataset_id_fkey;
ALTER TABLE dataset_alias_dataset DROP CONSTRAINT IF EXISTS dataset_alias_dataset_alias_id_fkey;
ALTER TABLE dataset_alias_dataset DROP CONSTRAINT IF EXISTS ds_dsa_alias_id;
ALTER TABLE dataset_alias_dataset DROP CONSTRAINT IF EXISTS ds_dsa_dataset_id;
ALTER TABLE dataset_alias_dataset_event DROP CONSTRAINT IF EXISTS dataset_alias_dataset_dataset_id_fkey;
ALTER TABLE dataset_alias_dataset_event DROP CONSTRAINT IF EXISTS dataset_alias_dataset_event_alias_id_fkey;
ALTER TABLE dataset_alias_dataset_event DROP CONSTRAINT IF EXISTS dataset_alias_dataset_event_event_id_fkey;
ALTER TABLE dataset_alias_dataset_event DROP CONSTRAINT IF EXISTS dss_de_alias_id;
ALTER TABLE dataset_alias_dataset_event DROP CONSTRAINT IF EXISTS dss_de_event_id;
ALTER TABLE dag_schedule_dataset_alias_reference DROP CONSTRAINT IF EXISTS dsdar_dag_id_fkey;
ALTER TABLE dag_schedule_dataset_alias_reference DROP CONSTRAINT IF EXISTS dsdar_dataset_alias_fkey;
ALTER TABLE dag_schedule_dataset_reference DROP CONSTRAINT IF EXISTS dsdr_dag_id_fkey;
ALTER TABLE dag_schedule_dataset_reference DROP CONSTRAINT IF EXISTS dsdr_dataset_fkey;
ALTER TABLE task_outlet_dataset_reference DROP CONSTRAINT IF EXISTS todr_dataset_fkey;
ALTER TABLE dataset_dag_run_queue DROP CONSTRAINT IF EXISTS ddrq_dag_fkey;
ALTER TABLE dataset_dag_run_queue DROP CONSTRAINT IF EXISTS ddrq_dataset_fkey;
ALTER TABLE dagrun_dataset_event DROP CONSTRAINT IF EXISTS dagrun_dataset_events_event_id_fkey;
ALTER TABLE dagrun_dataset_event DROP CONSTRAINT IF EXISTS dagrun_dataset_event_event_id_fkey;
ALTER TABLE dagrun_dataset_event DROP CONSTRAINT IF EXISTS dagrun_dataset_events_dag_run_id_fkey;
ALTER TABLE dagrun_dataset_event DROP CONSTRAINT IF EXISTS dagrun_dataset_event_dag_run_id_fkey;
ALTER TABLE dataset_alias_dataset RENAME TO asset_alias_asset;
ALTER TABLE dataset_alias_dataset_event RENAME TO asset_alias_asset_event;
ALTER TABLE dataset_alias RENAME TO asset_alias;
ALTER TABLE dataset RENAME TO asset;
ALTER TABLE dag_schedule_dataset_alias_reference RENAME TO dag_schedule_asset_alias_reference;
ALTER TABLE dag_schedule_dataset_reference RENAME TO dag_schedule_asset_reference;
ALTER TABLE task_outlet_dataset_reference RENAME TO task_outlet_asset_reference;
ALTER TABLE dataset_dag_run_queue RENAME TO asset_dag_run_queue;
ALTER TABLE dagrun_dataset_event RENAME TO dagrun_asset_event;
ALTER TABLE dataset_event RENAME TO asset_event;
ALTER TABLE asset_active DROP CONSTRAINT asset_active_asset_name_uri_fkey;
DROP INDEX idx_dataset_name_uri_unique;
CREATE UNIQUE INDEX idx_asset_name_uri_unique ON asset (name, uri);
ALTER TABLE asset_active ADD CONSTRAINT asset_active_asset_name_uri_fkey FOREIGN KEY(name, uri) REFERENCES asset (name, uri) ON DELETE CASCADE;
ALTER TABLE asset_alias_asset DROP CONSTRAINT IF EXISTS dataset_alias_dataset_pkey;
ALTER TABLE asset_alias_asset DROP CONSTRAINT IF EXISTS asset_alias_asset_pkey;
ALTER TABLE asset_alias_asset ALTER COLUMN dataset_id TYPE INTEGER;
ALTER TABLE asset_alias_asset ALTER COLUMN dataset_id SET NOT NULL;
ALTER TABLE asset_alias_asset RENAME dataset_id TO asset_id;
ALTER TABLE asset_alias_asset ADD CONSTRAINT asset_alias_asset_pkey PRIMARY KEY (alias_id, asset_id);
DROP INDEX idx_dataset_alias_dataset_alias_id;
CREATE INDEX idx_asset_alias_asset_alias_id ON asset_alias_asset (alias_id);
ALTER TABLE asset_alias_asset ADD CONSTRAINT asset_alias_asset_alias_id_fkey FOREIGN KEY(alias_id) REFERENCES asset_alias (id) ON DELETE CASCADE;
DROP INDEX idx_dataset_alias_dataset_alias_dataset_id;
CREATE INDEX idx_asset_alias_asset_asset_id ON asset_alias_asset (asset_id);
ALTER TABLE asset_alias_asset ADD CONSTRAINT asset_alias_asset_asset_id_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE;
DROP INDEX idx_dataset_alias_dataset_event_alias_id;
CREATE INDEX idx_asset_alias_asset_event_alias_id ON asset_alias_asset_event (alias_id);
ALTER TABLE asset_alias_asset_event ADD CONSTRAINT asset_alias_asset_event_alias_id_fkey FOREIGN KEY(alias_id) REFERENCES asset_alias (id) ON DELETE CASCADE;
DROP INDEX idx_dataset_alias_dataset_event_event_id;
CREATE INDEX idx_asset_alias_asset_event_event_id ON asset_alias_asset_event (event_id);
ALTER TABLE asset_alias_asset_event ADD CONSTRAINT asset_alias_asset_event_event_id_fkey FOREIGN KEY(event_id) REFERENCES asset_event (id) ON DELETE CASCADE;
ALTER TABLE dag_schedule_asset_alias_reference DROP CONSTRAINT dsdar_pkey;
ALTER TABLE dag_schedule_asset_alias_reference ADD CONSTRAINT dsaar_pkey PRIMARY KEY (alias_id, dag_id);
DROP INDEX idx_dag_schedule_dataset_alias_reference_dag_id;
CREATE INDEX idx_dag_schedule_asset_alias_reference_dag_id ON dag_schedule_asset_alias_reference (dag_id);
ALTER TABLE dag_schedule_asset_alias_reference ADD CONSTRAINT dsaar_asset_alias_fkey FOREIGN KEY(alias_id) REFERENCES asset_alias (id) ON DELETE CASCADE;
ALTER TABLE dag_schedule_asset_alias_reference ADD CONSTRAINT dsaar_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE;
ALTER TABLE dag_schedule_asset_reference ALTER COLUMN dataset_id TYPE INTEGER;
ALTER TABLE dag_schedule_asset_reference ALTER COLUMN dataset_id SET NOT NULL;
ALTER TABLE dag_schedule_asset_reference RENAME dataset_id TO asset_id;
ALTER TABLE dag_schedule_asset_reference DROP CONSTRAINT IF EXISTS dag_schedule_dataset_reference_pkey;
ALTER TABLE dag_schedule_asset_reference DROP CONSTRAINT IF EXISTS dsdr_pkey;
ALTER TABLE dag_schedule_asset_reference ADD CONSTRAINT dsar_pkey PRIMARY KEY (asset_id, dag_id);
DROP INDEX idx_dag_schedule_dataset_reference_dag_id;
CREATE INDEX idx_dag_schedule_asset_reference_dag_id ON dag_schedule_asset_reference (dag_id);
ALTER TABLE dag_schedule_asset_reference ADD CONSTRAINT dsar_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE;
ALTER TABLE dag_schedule_asset_reference ADD CONSTRAINT dsar_asset_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE;
ALTER TABLE task_outlet_asset_reference ALTER COLUMN dataset_id TYPE INTEGER;
ALTER TABLE task_outlet_asset_reference ALTER COLUMN dataset_id SET NOT NULL;
ALTER TABLE task_outlet_asset_reference RENAME dataset_id TO asset_id;
ALTER TABLE task_outlet_asset_reference DROP CONSTRAINT todr_dag_id_fkey;
ALTER TABLE task_outlet_asset_reference DROP CONSTRAINT IF EXISTS task_outlet_dataset_reference_pkey;
ALTER TABLE task_outlet_asset_reference DROP CONSTRAINT IF EXISTS todr_pkey;
ALTER TABLE task_outlet_asset_reference ADD CONSTRAINT toar_pkey PRIMARY KEY (asset_id, dag_id, task_id);
DROP INDEX idx_task_outlet_dataset_reference_dag_id;
CREATE INDEX idx_task_outlet_asset_reference_dag_id ON task_outlet_asset_reference (dag_id);
ALTER TABLE task_outlet_asset_reference ADD CONSTRAINT toar_asset_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE;
ALTER TABLE task_outlet_asset_reference ADD CONSTRAINT toar_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE;
ALTER TABLE asset_dag_run_queue ALTER COLUMN dataset_id TYPE INTEGER;
ALTER TABLE asset_dag_run_queue ALTER COLUMN dataset_id SET NOT NULL;
ALTER TABLE asset_dag_run_queue RENAME dataset_id TO asset_id;
ALTER TABLE asset_dag_run_queue DROP CONSTRAINT IF EXISTS dataset_dag_run_queue_pkey;
ALTER TABLE asset_dag_run_queue DROP CONSTRAINT IF EXISTS datasetdagrunqueue_pkey;
ALTER TABLE asset_dag_run_queue ADD CONSTRAINT assetdagrunqueue_pkey PRIMARY KEY (asset_id, target_dag_id);
DROP INDEX idx_dataset_dag_run_queue_target_dag_id;
CREATE INDEX idx_asset_dag_run_queue_target_dag_id ON asset_dag_run_queue (target_dag_id);
ALTER TABLE asset_dag_run_queue ADD CONSTRAINT adrq_asset_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE;
ALTER TABLE asset_dag_run_queue ADD CONSTRAINT adrq_dag_fkey FOREIGN KEY(target_dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE;
ALTER TABLE dagrun_asset_event DROP CONSTRAINT IF EXISTS dagrun_dataset_events_pkey;
ALTER TABLE dagrun_asset_event DROP CONSTRAINT IF EXISTS dagrun_dataset_event_pkey;
DROP INDEX idx_dagrun_dataset_events_dag_run_id;
CREATE INDEX idx_dagrun_asset_events_dag_run_id ON dagrun_asset_event (dag_run_id);
ALTER TABLE dagrun_asset_event ADD CONSTRAINT dagrun_asset_event_dag_run_id_fkey FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE;
DROP INDEX idx_dagrun_dataset_events_event_id;
CREATE INDEX idx_dagrun_asset_events_event_id ON dagrun_asset_event (event_id);
ALTER TABLE dagrun_asset_event ADD CONSTRAINT dagrun_asset_event_event_id_fkey FOREIGN KEY(event_id) REFERENCES asset_event (id) ON DELETE CASCADE;
ALTER TABLE dagrun_asset_event ADD CONSTRAINT dagrun_asset_event_pkey PRIMARY KEY (event_id, dag_run_id);
ALTER TABLE asset_event ALTER COLUMN dataset_id TYPE INTEGER;
ALTER TABLE asset_event ALTER COLUMN dataset_id SET NOT NULL;
ALTER TABLE asset_event RENAME dataset_id TO asset_id;
DROP INDEX idx_dataset_id_timestamp;
CREATE INDEX idx_asset_id_timestamp ON asset_event (asset_id, timestamp);
DROP INDEX idx_dataset_alias_name_unique;
CREATE UNIQUE INDEX idx_asset_alias_name_unique ON asset_alias (name);
ALTER TABLE dag ALTER COLUMN dataset_expression TYPE JSON;
ALTER TABLE dag RENAME dataset_expression TO asset_expression;
UPDATE alembic_version SET version_num='05234396c6fc' WHERE alembic_version.version_num = '3a8972ecb8f9';
COMMIT;

-- d59cbbef95eb: Add UUID primary key to ``task_instance`` table
BEGIN;
ALTER TABLE task_instance ADD COLUMN id UUID;
DO $$
DECLARE
    pgcrypto_installed BOOLEAN;
BEGIN
    -- Check if pgcrypto is already installed
    pgcrypto_installed := EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pgcrypto');

    -- Attempt to create pgcrypto if it is not installed
    IF NOT pgcrypto_installed THEN
        BEGIN
            CREATE EXTENSION pgcrypto;
            pgcrypto_installed := TRUE;
            RAISE NOTICE 'pgcrypto extension successfully created.';
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'pgcrypto extension could not be installed due to insufficient privileges; using fallback';
                pgcrypto_installed := FALSE;
            WHEN OTHERS THEN
                RAISE NOTICE 'An unexpected error occurred while attempting to install pgcrypto; using fallback';
                pgcrypto_installed := FALSE;
        END;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION uuid_generate_v7(p_timestamp timestamp with time zone)
RETURNS uuid
LANGUAGE plpgsql
PARALLEL SAFE
AS $$
DECLARE
    unix_time_ms CONSTANT bytea NOT NULL DEFAULT substring(int8send((extract(epoch FROM p_timestamp) * 1000)::bigint) from 3);
    buffer bytea;
    pgcrypto_installed BOOLEAN := EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pgcrypto');
BEGIN
    -- Use pgcrypto if available, otherwise use the fallback
    -- fallback from https://brandur.org/fragments/secure-bytes-without-pgcrypto
    IF pgcrypto_installed THEN
        buffer := unix_time_ms || gen_random_bytes(10);
    ELSE
        buffer := unix_time_ms || substring(uuid_send(gen_random_uuid()) FROM 1 FOR 5) ||
                  substring(uuid_send(gen_random_uuid()) FROM 12 FOR 5);
    END IF;

    -- Set UUID version and variant bits
    buffer := set_byte(buffer, 6, (b'0111' || get_byte(buffer, 6)::bit(4))::bit(8)::int);
    buffer := set_byte(buffer, 8, (b'10'   || get_byte(buffer, 8)::bit(6))::bit(8)::int);
    RETURN encode(buffer, 'hex')::uuid;
END
$$;
WITH cte AS (
                        SELECT ctid
                        FROM task_instance
                        WHERE id IS NULL
                        LIMIT 10000
                    )
                    UPDATE task_instance
                    SET id = uuid_generate_v7(coalesce(queued_dttm, start_date, clock_timestamp()))
                    FROM cte
                    WHERE task_instance.ctid = cte.ctid;
WITH cte AS (
                        SELECT ctid
                        FROM task_instance
                        WHERE id IS NULL
                        LIMIT 10000
                    )
                    UPDATE task_instance
                    SET id = uuid_generate_v7(coalesce(queued_dttm, start_date, clock_timestamp()))
                    FROM cte
                    WHERE task_instance.ctid = cte.ctid;
DROP FUNCTION IF EXISTS uuid_generate_v7(timestamp with time zone);
ALTER TABLE IF EXISTS task_instance DROP CONSTRAINT task_instance_pkey CASCADE;
ALTER TABLE task_instance ALTER COLUMN id TYPE UUID;
ALTER TABLE task_instance ALTER COLUMN id SET NOT NULL;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_composite_key UNIQUE (dag_id, task_id, run_id, map_index);
ALTER TABLE task_instance ADD CONSTRAINT task_instance_pkey PRIMARY KEY (id);
ALTER TABLE rendered_task_instance_fields ADD CONSTRAINT rtif_ti_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE;
ALTER TABLE task_fail ADD CONSTRAINT task_fail_ti_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE;
ALTER TABLE task_instance_note ADD CONSTRAINT task_instance_note_ti_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE;
ALTER TABLE task_reschedule ADD CONSTRAINT task_reschedule_ti_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE;
ALTER TABLE xcom ADD CONSTRAINT xcom_task_instance_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE;
ALTER TABLE task_instance_history ADD CONSTRAINT task_instance_history_ti_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE task_map ADD CONSTRAINT task_map_task_instance_fkey FOREIGN KEY(dag_id, task_id, run_id, map_index) REFERENCES task_instance (dag_id, task_id, run_id, map_index) ON DELETE CASCADE ON UPDATE CASCADE;
UPDATE alembic_version SET version_num='d59cbbef95eb' WHERE alembic_version.version_num = '05234396c6fc';
COMMIT;

-- 486ac7936b78: Remove scheduler_lock column
BEGIN;
ALTER TABLE dag DROP COLUMN scheduler_lock;
UPDATE alembic_version SET version_num='486ac7936b78' WHERE alembic_version.version_num = 'd59cbbef95eb';
COMMIT;

-- 5f57a45b8433: Drop task_fail table
BEGIN;
DROP TABLE task_fail;
UPDATE alembic_version SET version_num='5f57a45b8433' WHERE alembic_version.version_num = '486ac7936b78';
COMMIT;

-- d8cd3297971e: Add last_heartbeat_at directly to TI
BEGIN;
ALTER TABLE task_instance ADD COLUMN last_heartbeat_at TIMESTAMP WITH TIME ZONE;
DROP INDEX ti_job_id;
CREATE INDEX ti_heartbeat ON task_instance (last_heartbeat_at);
ALTER TABLE task_instance DROP COLUMN job_id;
ALTER TABLE task_instance_history DROP COLUMN job_id;
UPDATE alembic_version SET version_num='d8cd3297971e' WHERE alembic_version.version_num = '5f57a45b8433';
COMMIT;

-- d03e4a635aa3: Drop DAG pickling
BEGIN;
ALTER TABLE dag DROP COLUMN pickle_id;
ALTER TABLE dag DROP COLUMN last_pickled;
DROP TABLE dag_pickle;
UPDATE alembic_version SET version_num='d03e4a635aa3' WHERE alembic_version.version_num = 'd8cd3297971e';
COMMIT;

-- 2b47dc6bc8df: Add dag versioning
BEGIN;
delete from dag_code;
delete from serialized_dag;
CREATE TABLE dag_version (
id UUID NOT NULL,
version_number INTEGER NOT NULL,
dag_id VARCHAR(250) NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT dag_version_pkey PRIMARY KEY (id),
CONSTRAINT dag_version_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE,
CONSTRAINT dag_id_v_name_v_number_unique_constraint UNIQUE (dag_id, version_number)
);
ALTER TABLE dag_code DROP CONSTRAINT dag_code_pkey;
ALTER TABLE dag_code DROP COLUMN fileloc_hash;
ALTER TABLE dag_code ADD COLUMN id UUID NOT NULL;
ALTER TABLE dag_code ADD CONSTRAINT dag_code_pkey PRIMARY KEY (id);
ALTER TABLE dag_code ADD COLUMN dag_version_id UUID NOT NULL;
ALTER TABLE dag_code ADD COLUMN source_code_hash VARCHAR(32) NOT NULL;
ALTER TABLE dag_code ADD COLUMN dag_id VARCHAR(250) NOT NULL;
ALTER TABLE dag_code ADD COLUMN created_at TIMESTAMP WITH TIME ZONE NOT NULL;
ALTER TABLE dag_code ADD CONSTRAINT dag_code_dag_version_id_fkey FOREIGN KEY(dag_version_id) REFERENCES dag_version (id) ON DELETE CASCADE;
ALTER TABLE dag_code ADD CONSTRAINT dag_code_dag_version_id_uq UNIQUE (dag_version_id);
ALTER TABLE serialized_dag DROP CONSTRAINT serialized_dag_pkey;
DROP INDEX idx_fileloc_hash;
ALTER TABLE serialized_dag DROP COLUMN fileloc_hash;
ALTER TABLE serialized_dag DROP COLUMN fileloc;
ALTER TABLE serialized_dag ADD COLUMN id UUID NOT NULL;
ALTER TABLE serialized_dag ADD COLUMN dag_version_id UUID NOT NULL;
ALTER TABLE serialized_dag ADD COLUMN created_at TIMESTAMP WITH TIME ZONE NOT NULL;
ALTER TABLE serialized_dag ADD CONSTRAINT serialized_dag_pkey PRIMARY KEY (id);
ALTER TABLE serialized_dag ADD CONSTRAINT serialized_dag_dag_version_id_fkey FOREIGN KEY(dag_version_id) REFERENCES dag_version (id) ON DELETE CASCADE;
ALTER TABLE serialized_dag ADD CONSTRAINT serialized_dag_dag_version_id_uq UNIQUE (dag_version_id);
ALTER TABLE task_instance ADD COLUMN dag_version_id UUID;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_dag_version_id_fkey FOREIGN KEY(dag_version_id) REFERENCES dag_version (id) ON DELETE CASCADE;
ALTER TABLE task_instance_history ADD COLUMN dag_version_id UUID;
ALTER TABLE dag_run DROP COLUMN dag_hash;
ALTER TABLE dag_run ADD COLUMN created_dag_version_id UUID;
ALTER TABLE dag_run ADD CONSTRAINT created_dag_version_id_fkey FOREIGN KEY(created_dag_version_id) REFERENCES dag_version (id) ON DELETE SET NULL;
UPDATE alembic_version SET version_num='2b47dc6bc8df' WHERE alembic_version.version_num = 'd03e4a635aa3';
COMMIT;

-- 9fc3fc5de720: Add references between assets and triggers
BEGIN;
CREATE TABLE asset_trigger (
trigger_id INTEGER NOT NULL,
asset_id INTEGER NOT NULL,
CONSTRAINT asset_trigger_pkey PRIMARY KEY (trigger_id, asset_id),
CONSTRAINT asset_trigger_trigger_id_fkey FOREIGN KEY(trigger_id) REFERENCES trigger (id) ON DELETE CASCADE,
CONSTRAINT asset_trigger_asset_id_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE
);
CREATE INDEX idx_asset_trigger_asset_id ON asset_trigger (asset_id);
CREATE INDEX idx_asset_trigger_trigger_id ON asset_trigger (trigger_id);
UPDATE alembic_version SET version_num='9fc3fc5de720' WHERE alembic_version.version_num = '2b47dc6bc8df';
COMMIT;

-- eed27faa34e3: Remove pickled data from xcom table
BEGIN;
CREATE TABLE IF NOT EXISTS _xcom_archive (
dag_run_id INTEGER NOT NULL,
task_id VARCHAR(250) NOT NULL,
map_index INTEGER DEFAULT -1 NOT NULL,
key VARCHAR(512) NOT NULL,
dag_id VARCHAR(250) NOT NULL,
run_id VARCHAR(250) NOT NULL,
value BYTEA,
timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT _xcom_archive_pkey PRIMARY KEY (dag_run_id, task_id, map_index, key)
);
INSERT INTO _xcom_archive (dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp)
            SELECT dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp
            FROM xcom
            WHERE value IS NOT NULL AND get_byte(value, 0) = 128;
DELETE FROM xcom WHERE value IS NOT NULL AND get_byte(value, 0) = 128;
UPDATE xcom
                SET value = convert_to(
                    replace(
                        replace(
                            replace(convert_from(value, 'UTF8'), '\\', chr(1)),
                            '\u0000', ''
                        ),
                        chr(1), '\\'
                    ),
                    'UTF8'
                )
                WHERE value IS NOT NULL AND get_byte(value, 0) != 128
                    -- chr(1) never appears in the JSON text, json.dumps escapes control bytes.
                    -- The chain is an identity without the escape, so those rows are skipped
                    -- rather than rewritten.
                    AND position(convert_to('\u0000', 'UTF8') in value) > 0;
CREATE OR REPLACE FUNCTION pg_temp._airflow_xcom_needs_nan_fix(txt text)
                RETURNS boolean AS $$
                BEGIN
                    IF txt !~ '(NaN|Infinity)' THEN
                        RETURN false;
                    END IF;
                    PERFORM txt::jsonb;
                    RETURN false;
                EXCEPTION WHEN others THEN
                    RETURN true;
                END;
                $$ LANGUAGE plpgsql;
UPDATE xcom
                SET value = convert_to(
                    regexp_replace(
                        convert_from(value, 'UTF8'),
                        -- Group 1 is the preceding delimiter, or ^ for a bare scalar value. The
                        -- closing delimiter is a lookahead rather than a consuming group so that
                        -- consecutive tokens in an array ([NaN, Infinity]) each match. NaN and
                        -- Infinity share one pass to avoid a second table scan.
                        '([:,\[]\s*|^)(NaN|-?Infinity)(?=\s*[,}\]]|$)',
                        '\1null',
                        'g'
                    ),
                    'UTF8'
                )
                WHERE value IS NOT NULL AND get_byte(value, 0) != 128
                    AND pg_temp._airflow_xcom_needs_nan_fix(convert_from(value, 'UTF8'));
ALTER TABLE xcom
            ALTER COLUMN value TYPE JSONB
            USING CASE
                WHEN value IS NOT NULL THEN CAST(CONVERT_FROM(value, 'UTF8') AS JSONB)
                ELSE NULL
            END;
UPDATE alembic_version SET version_num='eed27faa34e3' WHERE alembic_version.version_num = '9fc3fc5de720';
COMMIT;

-- e229247a6cb1: Add DagBundleModel
BEGIN;
CREATE TABLE dag_bundle (
name VARCHAR(250) NOT NULL,
active BOOLEAN,
version VARCHAR(200),
last_refreshed TIMESTAMP WITH TIME ZONE,
CONSTRAINT dag_bundle_pkey PRIMARY KEY (name)
);
ALTER TABLE dag ADD COLUMN bundle_name VARCHAR(250);
ALTER TABLE dag ADD COLUMN bundle_version VARCHAR(200);
ALTER TABLE dag ADD CONSTRAINT dag_bundle_name_fkey FOREIGN KEY(bundle_name) REFERENCES dag_bundle (name);
ALTER TABLE dag_run ADD COLUMN bundle_version VARCHAR(250);
ALTER TABLE import_error ADD COLUMN bundle_name VARCHAR(250);
ALTER TABLE dag_version ADD COLUMN bundle_name VARCHAR(250);
ALTER TABLE dag_version ADD COLUMN bundle_version VARCHAR(250);
UPDATE alembic_version SET version_num='e229247a6cb1' WHERE alembic_version.version_num = 'eed27faa34e3';
COMMIT;

-- 038dc8bc6284: Update trigger_timeout column in task_instance table to UTC
BEGIN;
ALTER TABLE task_instance ALTER COLUMN trigger_timeout TYPE TIMESTAMP WITH TIME ZONE;
UPDATE alembic_version SET version_num='038dc8bc6284' WHERE alembic_version.version_num = 'e229247a6cb1';
COMMIT;

-- 237cef8dfea1: Add deadline alerts table
BEGIN;
CREATE TABLE deadline (
id UUID NOT NULL,
dag_id VARCHAR(250),
dagrun_id INTEGER,
deadline TIMESTAMP WITHOUT TIME ZONE NOT NULL,
callback VARCHAR(500) NOT NULL,
callback_kwargs JSON,
CONSTRAINT deadline_pkey PRIMARY KEY (id),
CONSTRAINT deadline_dagrun_id_fkey FOREIGN KEY(dagrun_id) REFERENCES dag_run (id) ON DELETE CASCADE,
CONSTRAINT deadline_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE
);
CREATE INDEX deadline_idx ON deadline (deadline);
UPDATE alembic_version SET version_num='237cef8dfea1' WHERE alembic_version.version_num = '038dc8bc6284';
COMMIT;

-- 5c9c0231baa2: Remove processor_subdir
BEGIN;
ALTER TABLE callback_request DROP COLUMN processor_subdir;
ALTER TABLE dag DROP COLUMN processor_subdir;
ALTER TABLE import_error DROP COLUMN processor_subdir;
ALTER TABLE serialized_dag DROP COLUMN processor_subdir;
UPDATE alembic_version SET version_num='5c9c0231baa2' WHERE alembic_version.version_num = '237cef8dfea1';
COMMIT;

-- 38770795785f: Add asset reference models
BEGIN;
CREATE TABLE dag_schedule_asset_name_reference (
name VARCHAR(1500) NOT NULL,
dag_id VARCHAR(250) NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT dsanr_pkey PRIMARY KEY (name, dag_id),
CONSTRAINT dsanr_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE
);
CREATE INDEX idx_dag_schedule_asset_name_reference_dag_id ON dag_schedule_asset_name_reference (dag_id);
CREATE TABLE dag_schedule_asset_uri_reference (
uri VARCHAR(1500) NOT NULL,
dag_id VARCHAR(250) NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT dsaur_pkey PRIMARY KEY (uri, dag_id),
CONSTRAINT dsaur_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE
);
CREATE INDEX idx_dag_schedule_asset_uri_reference_dag_id ON dag_schedule_asset_uri_reference (dag_id);
UPDATE alembic_version SET version_num='38770795785f' WHERE alembic_version.version_num = '5c9c0231baa2';
COMMIT;

-- e39a26ac59f6: Remove pickled data from dagrun table
BEGIN;
ALTER TABLE dag_run ADD COLUMN conf_json JSONB;
UPDATE dag_run
                                                SET conf_json = '{"note": "\u00e9 \u2603", "n": 1}'
                                                WHERE id = 2;
ALTER TABLE dag_run DROP COLUMN conf;
ALTER TABLE dag_run RENAME conf_json TO conf;
UPDATE alembic_version SET version_num='e39a26ac59f6' WHERE alembic_version.version_num = '38770795785f';
COMMIT;

-- 8ea135928435: Add relative fileloc column
BEGIN;
ALTER TABLE dag ADD COLUMN relative_fileloc VARCHAR(2000);
UPDATE alembic_version SET version_num='8ea135928435' WHERE alembic_version.version_num = 'e39a26ac59f6';
COMMIT;

-- 33b04e4bfa19: Add new task_instance field scheduled_dttm
BEGIN;
ALTER TABLE task_instance ADD COLUMN scheduled_dttm TIMESTAMP WITH TIME ZONE;
ALTER TABLE task_instance_history ADD COLUMN scheduled_dttm TIMESTAMP WITH TIME ZONE;
UPDATE alembic_version SET version_num='33b04e4bfa19' WHERE alembic_version.version_num = '8ea135928435';
COMMIT;

-- 6a9e7a527a88: Add DagRun run_after
BEGIN;
ALTER TABLE dag_run ADD COLUMN run_after TIMESTAMP WITH TIME ZONE;
update dag_run set run_after = coalesce(data_interval_end, logical_date);
ALTER TABLE dag_run ALTER COLUMN run_after SET NOT NULL;
CREATE INDEX idx_dag_run_run_after ON dag_run (run_after);
UPDATE alembic_version SET version_num='6a9e7a527a88' WHERE alembic_version.version_num = '33b04e4bfa19';
COMMIT;

-- e00344393f31: Remove external_trigger field
BEGIN;
ALTER TABLE dag_run DROP COLUMN external_trigger;
UPDATE alembic_version SET version_num='e00344393f31' WHERE alembic_version.version_num = '6a9e7a527a88';
COMMIT;

-- 7645189f3479: Add try_id to TI and TIH
BEGIN;
ALTER TABLE task_instance_history ADD COLUMN task_instance_id UUID;
ALTER TABLE task_instance_history ADD COLUMN try_id UUID;
UPDATE task_instance_history SET try_id = gen_random_uuid();
UPDATE task_instance_history SET task_instance_id = task_instance.id
            FROM task_instance
            WHERE task_instance_history.task_id = task_instance.task_id
            AND task_instance_history.dag_id = task_instance.dag_id
            AND task_instance_history.run_id = task_instance.run_id
            AND task_instance_history.map_index = task_instance.map_index;
ALTER TABLE task_instance_history ALTER COLUMN try_id SET NOT NULL;
ALTER TABLE task_instance_history DROP COLUMN id;
ALTER TABLE task_instance_history ALTER COLUMN task_instance_id SET NOT NULL;
ALTER TABLE task_instance_history ADD CONSTRAINT task_instance_history_pkey PRIMARY KEY (try_id);
UPDATE alembic_version SET version_num='7645189f3479' WHERE alembic_version.version_num = 'e00344393f31';
COMMIT;

-- cf87489a35df: Use TI.id as primary key to TaskInstanceNote
BEGIN;
ALTER TABLE task_instance_note ADD COLUMN ti_id UUID;
UPDATE task_instance_note SET ti_id = task_instance.id
            FROM task_instance
            WHERE task_instance_note.task_id = task_instance.task_id
            AND task_instance_note.dag_id = task_instance.dag_id
            AND task_instance_note.run_id = task_instance.run_id
            AND task_instance_note.map_index = task_instance.map_index;
ALTER TABLE task_instance_note ALTER COLUMN ti_id SET NOT NULL;
ALTER TABLE task_instance_note DROP CONSTRAINT task_instance_note_ti_fkey;
ALTER TABLE task_instance_note DROP CONSTRAINT task_instance_note_pkey;
ALTER TABLE task_instance_note DROP COLUMN map_index;
ALTER TABLE task_instance_note DROP COLUMN dag_id;
ALTER TABLE task_instance_note DROP COLUMN task_id;
ALTER TABLE task_instance_note DROP COLUMN run_id;
ALTER TABLE task_instance_note ADD CONSTRAINT task_instance_note_pkey PRIMARY KEY (ti_id);
ALTER TABLE task_instance_note ADD CONSTRAINT task_instance_note_ti_fkey FOREIGN KEY(ti_id) REFERENCES task_instance (id) ON DELETE CASCADE;
UPDATE alembic_version SET version_num='cf87489a35df' WHERE alembic_version.version_num = '7645189f3479';
COMMIT;

-- 16f7f5ee874e: Remove dag.default_view column
BEGIN;
ALTER TABLE dag DROP COLUMN default_view;
UPDATE alembic_version SET version_num='16f7f5ee874e' WHERE alembic_version.version_num = 'cf87489a35df';
COMMIT;

-- d469d27e2a64: Use ti_id as FK to TaskReschedule
BEGIN;
ALTER TABLE task_reschedule ADD COLUMN ti_id UUID;
UPDATE task_reschedule SET ti_id = task_instance.id
            FROM task_instance
            WHERE task_reschedule.task_id = task_instance.task_id
            AND task_reschedule.dag_id = task_instance.dag_id
            AND task_reschedule.run_id = task_instance.run_id
            AND task_reschedule.map_index = task_instance.map_index;
ALTER TABLE task_reschedule ALTER COLUMN ti_id SET NOT NULL;
ALTER TABLE task_reschedule DROP CONSTRAINT task_reschedule_ti_fkey;
ALTER TABLE task_reschedule DROP CONSTRAINT task_reschedule_dr_fkey;
ALTER TABLE task_reschedule ADD CONSTRAINT task_reschedule_ti_fkey FOREIGN KEY(ti_id) REFERENCES task_instance (id) ON DELETE CASCADE;
DROP INDEX idx_task_reschedule_dag_run;
DROP INDEX idx_task_reschedule_dag_task_run;
ALTER TABLE task_reschedule DROP COLUMN map_index;
ALTER TABLE task_reschedule DROP COLUMN dag_id;
ALTER TABLE task_reschedule DROP COLUMN task_id;
ALTER TABLE task_reschedule DROP COLUMN run_id;
UPDATE alembic_version SET version_num='d469d27e2a64' WHERE alembic_version.version_num = '16f7f5ee874e';
COMMIT;

-- be2cc2f742cf: Support bundles in DagPriorityParsingRequest
BEGIN;
DELETE FROM dag_priority_parsing_request;
ALTER TABLE dag_priority_parsing_request ADD COLUMN bundle_name VARCHAR(250) NOT NULL;
ALTER TABLE dag_priority_parsing_request ADD COLUMN relative_fileloc VARCHAR(2000) NOT NULL;
ALTER TABLE dag_priority_parsing_request DROP COLUMN fileloc;
UPDATE alembic_version SET version_num='be2cc2f742cf' WHERE alembic_version.version_num = 'd469d27e2a64';
COMMIT;

-- ec62e120484d: Add new otel span fields
BEGIN;
ALTER TABLE dag_run ADD COLUMN scheduled_by_job_id INTEGER;
ALTER TABLE dag_run ADD COLUMN context_carrier JSONB;
ALTER TABLE dag_run ADD COLUMN span_status VARCHAR(250) DEFAULT 'not_started' NOT NULL;
ALTER TABLE task_instance ADD COLUMN context_carrier JSONB;
ALTER TABLE task_instance ADD COLUMN span_status VARCHAR(250) DEFAULT 'not_started' NOT NULL;
ALTER TABLE task_instance_history ADD COLUMN context_carrier JSONB;
ALTER TABLE task_instance_history ADD COLUMN span_status VARCHAR(250) DEFAULT 'not_started' NOT NULL;
UPDATE alembic_version SET version_num='ec62e120484d' WHERE alembic_version.version_num = 'be2cc2f742cf';
COMMIT;

-- 0e9519b56710: Rename run_type from 'dataset_triggered' to 'asset_triggered' in dag_run table
BEGIN;
update dag_run set run_type = 'asset_triggered' where run_type = 'dataset_triggered';
UPDATE alembic_version SET version_num='0e9519b56710' WHERE alembic_version.version_num = 'ec62e120484d';
COMMIT;

-- 959e216a3abb: Rename ``is_active`` to ``is_stale`` column in ``dag`` table
BEGIN;
ALTER TABLE dag ALTER COLUMN is_active TYPE BOOLEAN;
ALTER TABLE dag RENAME is_active TO is_stale;
UPDATE dag SET is_stale = NOT is_stale;
UPDATE alembic_version SET version_num='959e216a3abb' WHERE alembic_version.version_num = '0e9519b56710';
COMMIT;

-- 29ce7909c52b: Change TI table to have unique UUID id/pk per attempt
BEGIN;
CREATE INDEX idx_tih_dag_run ON task_instance_history (dag_id, run_id);
ALTER TABLE task_instance_history DROP COLUMN task_instance_id;
ALTER TABLE task_instance_history RENAME try_id TO task_instance_id;
ALTER TABLE task_instance_note DROP CONSTRAINT task_instance_note_ti_fkey;
ALTER TABLE task_instance_note ADD CONSTRAINT task_instance_note_ti_fkey FOREIGN KEY(ti_id) REFERENCES task_instance (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE task_reschedule DROP COLUMN try_number;
UPDATE alembic_version SET version_num='29ce7909c52b' WHERE alembic_version.version_num = '959e216a3abb';
COMMIT;

-- fe199e1abd77: Delete import errors
BEGIN;
DELETE FROM import_error;
UPDATE alembic_version SET version_num='fe199e1abd77' WHERE alembic_version.version_num = '29ce7909c52b';
COMMIT;

-- dfee8bd5d574: Add Deadline to Dag
BEGIN;
ALTER TABLE dag ADD COLUMN deadline JSON;
UPDATE alembic_version SET version_num='dfee8bd5d574' WHERE alembic_version.version_num = 'fe199e1abd77';
COMMIT;

-- 0242ac120002: Rename Deadline column in the Deadline table from deadline to deadline_time and change its type from DateTime to UTC DateTime
BEGIN;
DROP INDEX deadline_idx;
ALTER TABLE deadline ALTER COLUMN deadline TYPE TIMESTAMP WITH TIME ZONE;
ALTER TABLE deadline RENAME deadline TO deadline_time;
CREATE INDEX deadline_time_idx ON deadline (deadline_time);
UPDATE alembic_version SET version_num='0242ac120002' WHERE alembic_version.version_num = 'dfee8bd5d574';
COMMIT;

-- 3ac9e5732b1f: Change the on-delete behaviour of task_instance.dag_version_id foreign key constraint to RESTRICT
BEGIN;
ALTER TABLE task_instance DROP CONSTRAINT task_instance_dag_version_id_fkey;
ALTER TABLE task_instance ADD CONSTRAINT task_instance_dag_version_id_fkey FOREIGN KEY(dag_version_id) REFERENCES dag_version (id) ON DELETE RESTRICT;
UPDATE alembic_version SET version_num='3ac9e5732b1f' WHERE alembic_version.version_num = '0242ac120002';
COMMIT;

-- 583e80dfcef4: Add task_inlet_asset_reference table
BEGIN;
CREATE TABLE task_inlet_asset_reference (
asset_id INTEGER NOT NULL,
dag_id VARCHAR(250) NOT NULL,
task_id VARCHAR(250) NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT tiar_pkey PRIMARY KEY (asset_id, dag_id, task_id),
CONSTRAINT tiar_asset_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE,
CONSTRAINT tiar_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE
);
CREATE INDEX idx_task_inlet_asset_reference_dag_id ON task_inlet_asset_reference (dag_id);
UPDATE alembic_version SET version_num='583e80dfcef4' WHERE alembic_version.version_num = '3ac9e5732b1f';
COMMIT;

-- 66a7743fe20e: Add triggering user to dag_run
BEGIN;
ALTER TABLE backfill ADD COLUMN triggering_user_name VARCHAR(512);
ALTER TABLE dag_run ADD COLUMN triggering_user_name VARCHAR(512);
UPDATE alembic_version SET version_num='66a7743fe20e' WHERE alembic_version.version_num = '583e80dfcef4';
COMMIT;

-- ffdb0566c7c0: Add dag_favorite table
BEGIN;
CREATE TABLE dag_favorite (
user_id VARCHAR(250) NOT NULL,
dag_id VARCHAR(250) NOT NULL,
CONSTRAINT dag_favorite_pkey PRIMARY KEY (user_id, dag_id),
CONSTRAINT dag_favorite_dag_id_fkey FOREIGN KEY(dag_id) REFERENCES dag (dag_id) ON DELETE CASCADE
);
UPDATE alembic_version SET version_num='ffdb0566c7c0' WHERE alembic_version.version_num = '66a7743fe20e';
COMMIT;

-- 40f7c30a228b: Add Human In the Loop Detail table
BEGIN;
CREATE TABLE hitl_detail (
ti_id UUID NOT NULL,
options JSON NOT NULL,
subject TEXT NOT NULL,
body TEXT,
defaults JSON,
multiple BOOLEAN,
params JSON NOT NULL,
assignees JSON,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
responded_at TIMESTAMP WITH TIME ZONE,
responded_by JSON,
chosen_options JSON,
params_input JSON NOT NULL,
CONSTRAINT hitl_detail_pkey PRIMARY KEY (ti_id),
CONSTRAINT hitl_detail_ti_fkey FOREIGN KEY(ti_id) REFERENCES task_instance (id) ON DELETE CASCADE ON UPDATE CASCADE
);
UPDATE alembic_version SET version_num='40f7c30a228b' WHERE alembic_version.version_num = 'ffdb0566c7c0';
COMMIT;

-- 09fa89ba1710: Add trigger_id to deadline
BEGIN;
ALTER TABLE deadline ADD COLUMN trigger_id INTEGER;
ALTER TABLE deadline ADD CONSTRAINT deadline_trigger_id_fkey FOREIGN KEY(trigger_id) REFERENCES trigger (id);
UPDATE alembic_version SET version_num='09fa89ba1710' WHERE alembic_version.version_num = '40f7c30a228b';
COMMIT;

-- f56f68b9e02f: Add callback_state to deadline
BEGIN;
ALTER TABLE deadline ADD COLUMN callback_state VARCHAR(20);
DROP INDEX deadline_time_idx;
CREATE INDEX deadline_callback_state_time_idx ON deadline (callback_state, deadline_time);
UPDATE alembic_version SET version_num='f56f68b9e02f' WHERE alembic_version.version_num = '09fa89ba1710';
COMMIT;

-- 3bda03debd04: Add url template and template params to DagBundleModel
BEGIN;
ALTER TABLE dag_bundle ADD COLUMN signed_url_template VARCHAR(200);
ALTER TABLE dag_bundle ADD COLUMN template_params JSON;
UPDATE alembic_version SET version_num='3bda03debd04' WHERE alembic_version.version_num = 'f56f68b9e02f';
COMMIT;

-- 808787349f22: Modify deadline's callback schema
BEGIN;
ALTER TABLE deadline ADD COLUMN callback_new JSON;
ALTER TABLE deadline DROP COLUMN callback;
ALTER TABLE deadline DROP COLUMN callback_kwargs;
ALTER TABLE deadline ALTER COLUMN callback_new SET NOT NULL;
ALTER TABLE deadline RENAME callback_new TO callback;
UPDATE alembic_version SET version_num='808787349f22' WHERE alembic_version.version_num = '3bda03debd04';
COMMIT;

-- a169942745c2: Remove dag_id from Deadline
BEGIN;
ALTER TABLE deadline DROP CONSTRAINT deadline_dag_id_fkey;
ALTER TABLE deadline DROP COLUMN dag_id;
UPDATE alembic_version SET version_num='a169942745c2' WHERE alembic_version.version_num = '808787349f22';
COMMIT;

-- 7582ea3f3dd5: Make bundle_name not nullable
BEGIN;
INSERT INTO dag_bundle (name) VALUES
                    ('example_dags'),
                    ('dags-folder')
                ON CONFLICT (name) DO NOTHING;
UPDATE dag
                SET bundle_name =
                    CASE
                        WHEN fileloc LIKE '%/airflow/example_dags/%' THEN 'example_dags'
                        ELSE 'dags-folder'
                    END
                WHERE bundle_name IS NULL;
ALTER TABLE dag DROP CONSTRAINT dag_bundle_name_fkey;
ALTER TABLE dag ALTER COLUMN bundle_name SET NOT NULL;
ALTER TABLE dag_bundle ALTER COLUMN name SET NOT NULL;
ALTER TABLE dag ADD CONSTRAINT dag_bundle_name_fkey FOREIGN KEY(bundle_name) REFERENCES dag_bundle (name);
UPDATE alembic_version SET version_num='7582ea3f3dd5' WHERE alembic_version.version_num = 'a169942745c2';
COMMIT;

-- a3c7f2b18d4e: Add tables to store teams and associations with dag bundles
BEGIN;
CREATE TABLE team (
id UUID NOT NULL,
name VARCHAR(50) NOT NULL,
CONSTRAINT team_pkey PRIMARY KEY (id),
CONSTRAINT team_name_uq UNIQUE (name)
);
CREATE TABLE dag_bundle_team (
dag_bundle_name VARCHAR(250) NOT NULL,
team_id UUID NOT NULL,
CONSTRAINT dag_bundle_team_pkey PRIMARY KEY (dag_bundle_name, team_id),
CONSTRAINT dag_bundle_team_dag_bundle_name_fkey FOREIGN KEY(dag_bundle_name) REFERENCES dag_bundle (name) ON DELETE CASCADE,
CONSTRAINT dag_bundle_team_team_id_fkey FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE
);
CREATE INDEX idx_dag_bundle_team_team_id ON dag_bundle_team (team_id);
CREATE UNIQUE INDEX idx_dag_bundle_team_dag_bundle_name ON dag_bundle_team (dag_bundle_name);
ALTER TABLE connection ADD COLUMN team_id UUID;
ALTER TABLE connection ADD CONSTRAINT connection_team_id_fkey FOREIGN KEY(team_id) REFERENCES team (id);
ALTER TABLE variable ADD COLUMN team_id UUID;
ALTER TABLE variable ADD CONSTRAINT variable_team_id_fkey FOREIGN KEY(team_id) REFERENCES team (id);
ALTER TABLE slot_pool ADD COLUMN team_id UUID;
ALTER TABLE slot_pool ADD CONSTRAINT slot_pool_team_id_fkey FOREIGN KEY(team_id) REFERENCES team (id);
UPDATE alembic_version SET version_num='a3c7f2b18d4e' WHERE alembic_version.version_num = '7582ea3f3dd5';
COMMIT;

-- eaf332f43c7c: Add last_parse_duration to dag model
BEGIN;
ALTER TABLE dag ADD COLUMN last_parse_duration FLOAT;
UPDATE alembic_version SET version_num='eaf332f43c7c' WHERE alembic_version.version_num = 'a3c7f2b18d4e';
COMMIT;

-- cc92b33c6709: Add backward compatibility for serialized DAG format v3 to v2
BEGIN;
UPDATE alembic_version SET version_num='cc92b33c6709' WHERE alembic_version.version_num = 'eaf332f43c7c';
COMMIT;

-- 82dbd68e6171: Add composite index (ti_id, id DESC) to task_reschedule
BEGIN;
CREATE INDEX idx_task_reschedule_ti_id_id_desc ON task_reschedule (ti_id, id DESC);
UPDATE alembic_version SET version_num='82dbd68e6171' WHERE alembic_version.version_num = 'cc92b33c6709';
COMMIT;

-- 509b94a1042d: Change ``signed_url_template`` from VARCHAR(200) to TEXT
BEGIN;
ALTER TABLE dag_bundle ALTER COLUMN signed_url_template TYPE TEXT;
UPDATE alembic_version SET version_num='509b94a1042d' WHERE alembic_version.version_num = '82dbd68e6171';
COMMIT;

-- 15d84ca19038: Replace asset_trigger table with asset_watcher
BEGIN;
DROP TABLE IF EXISTS asset_trigger;
CREATE TABLE asset_watcher (
name VARCHAR(1500) NOT NULL,
asset_id INTEGER NOT NULL,
trigger_id INTEGER NOT NULL,
CONSTRAINT asset_watcher_pkey PRIMARY KEY (asset_id, trigger_id),
CONSTRAINT awm_asset_id_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE,
CONSTRAINT awm_trigger_id_fkey FOREIGN KEY(trigger_id) REFERENCES trigger (id) ON DELETE CASCADE
);
CREATE INDEX idx_awm_trigger_id ON asset_watcher (trigger_id);
UPDATE alembic_version SET version_num='15d84ca19038' WHERE alembic_version.version_num = '509b94a1042d';
COMMIT;

-- ab6dc0c82d0e: Change ``serialized_dag`` data column to JSONB for PostgreSQL
BEGIN;
ALTER TABLE serialized_dag
            ALTER COLUMN data TYPE JSONB
            USING data::JSONB;
UPDATE alembic_version SET version_num='ab6dc0c82d0e' WHERE alembic_version.version_num = '15d84ca19038';
COMMIT;

-- 1b2c3d4e5f6g: Add length to dag_bundle_team.dag_bundle_name
BEGIN;
ALTER TABLE dag_bundle_team ALTER COLUMN dag_bundle_name TYPE VARCHAR(250);
UPDATE alembic_version SET version_num='1b2c3d4e5f6g' WHERE alembic_version.version_num = 'ab6dc0c82d0e';
COMMIT;

-- 5cc8117e9285: Add Human In the Loop Detail History table
BEGIN;
CREATE TABLE hitl_detail_history (
ti_history_id UUID NOT NULL,
options JSON NOT NULL,
subject TEXT NOT NULL,
body TEXT,
defaults JSON,
multiple BOOLEAN,
params JSON NOT NULL,
assignees JSON,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
responded_at TIMESTAMP WITH TIME ZONE,
responded_by JSON,
chosen_options JSON,
params_input JSON NOT NULL,
CONSTRAINT hitl_detail_history_pkey PRIMARY KEY (ti_history_id),
CONSTRAINT hitl_detail_history_tih_fkey FOREIGN KEY(ti_history_id) REFERENCES task_instance_history (task_instance_id) ON DELETE CASCADE ON UPDATE CASCADE
);
UPDATE alembic_version SET version_num='5cc8117e9285' WHERE alembic_version.version_num = '1b2c3d4e5f6g';
COMMIT;

-- 69ddce9a7247: Add ``fail_fast`` column to dag table
BEGIN;
ALTER TABLE dag ADD COLUMN fail_fast BOOLEAN DEFAULT '0' NOT NULL;
UPDATE alembic_version SET version_num='69ddce9a7247' WHERE alembic_version.version_num = '5cc8117e9285';
COMMIT;

-- b87d2135fa50: Restructure callback table
BEGIN;
DELETE FROM callback_request;
ALTER TABLE callback_request RENAME TO callback;
ALTER TABLE callback ADD COLUMN type VARCHAR(20) NOT NULL;
ALTER TABLE callback ADD COLUMN fetch_method VARCHAR(20) NOT NULL;
ALTER TABLE callback ADD COLUMN data JSONB NOT NULL;
ALTER TABLE callback ADD COLUMN state VARCHAR(10);
ALTER TABLE callback ADD COLUMN output TEXT;
ALTER TABLE callback ADD COLUMN trigger_id INTEGER;
ALTER TABLE callback ADD CONSTRAINT callback_trigger_id_fkey FOREIGN KEY(trigger_id) REFERENCES trigger (id);
ALTER TABLE callback DROP COLUMN id;
ALTER TABLE callback ADD COLUMN id UUID NOT NULL;
ALTER TABLE callback ADD CONSTRAINT callback_pkey PRIMARY KEY (id);
ALTER TABLE callback DROP COLUMN callback_data;
ALTER TABLE callback DROP COLUMN callback_type;
UPDATE alembic_version SET version_num='b87d2135fa50' WHERE alembic_version.version_num = '69ddce9a7247';
COMMIT;

-- e812941398f4: Replace deadline's inline callback fields with foreign key to callback table
BEGIN;
ALTER TABLE deadline ADD COLUMN missed BOOLEAN;
ALTER TABLE deadline ADD COLUMN callback_id UUID;
WITH batch AS (
                    SELECT
                        d.id AS deadline_id,
                        gen_random_uuid() AS callback_id,
                        COALESCE(dr.dag_id, '') AS dag_id,
                        COALESCE(d.callback::jsonb->'__data__'->>'path', '') AS cb_path,
                        COALESCE(NULLIF(d.callback::jsonb->'__data__'->'kwargs', 'null'::jsonb), '{}'::jsonb) AS cb_kwargs,
                        CASE
                            WHEN d.callback_state IN ('success', 'failed') THEN d.callback_state
                            ELSE 'pending'
                        END AS cb_state,
                        COALESCE(d.callback_state IN ('success', 'failed'), FALSE) AS missed
                    FROM deadline d
                    LEFT JOIN dag_run dr ON d.dagrun_id = dr.id
                    WHERE d.id > '00000000-0000-0000-0000-000000000000'
                    ORDER BY d.id
                    LIMIT 10000
                ),
                ins AS (
                    INSERT INTO callback (id, type, fetch_method, data, state, priority_weight, created_at)
                    SELECT
                        b.callback_id,
                        'triggerer',
                        'import_path',
                        json_build_object(
                            '__var', json_build_object(
                                'path', b.cb_path,
                                'kwargs', b.cb_kwargs,
                                'prefix', 'deadline_alerts',
                                'dag_id', b.dag_id
                            ),
                            '__type', 'dict'
                        )::json,
                        b.cb_state,
                        1,
                        '2026-11-21T05:58:50.371857+00:00'::timestamptz
                    FROM batch b
                )
                UPDATE deadline d
                SET callback_id = b.callback_id,
                    missed = b.missed
                FROM batch b
                WHERE d.id = b.deadline_id
                RETURNING d.id;
ALTER TABLE deadline ALTER COLUMN missed SET NOT NULL;
ALTER TABLE deadline ALTER COLUMN callback_id SET NOT NULL;
CREATE INDEX deadline_missed_deadline_time_idx ON deadline (missed, deadline_time);
CREATE INDEX deadline_callback_id_idx ON deadline (callback_id);
DROP INDEX deadline_callback_state_time_idx;
ALTER TABLE deadline ADD CONSTRAINT deadline_callback_id_fkey FOREIGN KEY(callback_id) REFERENCES callback (id) ON DELETE CASCADE;
ALTER TABLE deadline DROP CONSTRAINT deadline_trigger_id_fkey;
ALTER TABLE deadline DROP COLUMN callback;
ALTER TABLE deadline DROP COLUMN trigger_id;
ALTER TABLE deadline DROP COLUMN callback_state;
UPDATE alembic_version SET version_num='e812941398f4' WHERE alembic_version.version_num = 'b87d2135fa50';
COMMIT;

-- 665854ef0536: Update ORM for asset partitioning
BEGIN;
CREATE TABLE partitioned_asset_key_log (
id SERIAL NOT NULL,
asset_id INTEGER NOT NULL,
asset_event_id INTEGER NOT NULL,
asset_partition_dag_run_id INTEGER NOT NULL,
source_partition_key VARCHAR(250) NOT NULL,
target_dag_id VARCHAR(250) NOT NULL,
target_partition_key VARCHAR(250) NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT partitioned_asset_key_log_pkey PRIMARY KEY (id)
);
CREATE TABLE asset_partition_dag_run (
id SERIAL NOT NULL,
target_dag_id VARCHAR(250) NOT NULL,
created_dag_run_id INTEGER,
partition_key VARCHAR(250) NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT asset_partition_dag_run_pkey PRIMARY KEY (id),
CONSTRAINT apdr_created_dag_run_id_fkey FOREIGN KEY(created_dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE
);
ALTER TABLE asset_event ADD COLUMN partition_key VARCHAR(250);
ALTER TABLE dag_run ADD COLUMN partition_key VARCHAR(250);
UPDATE alembic_version SET version_num='665854ef0536' WHERE alembic_version.version_num = 'e812941398f4';
COMMIT;

-- b12d4f98a91e: Drop ``id`` column from ``team`` table and make ``name`` the primary key
BEGIN;
ALTER TABLE connection DROP CONSTRAINT connection_team_id_fkey;
ALTER TABLE variable DROP CONSTRAINT variable_team_id_fkey;
ALTER TABLE slot_pool DROP CONSTRAINT slot_pool_team_id_fkey;
ALTER TABLE dag_bundle_team DROP CONSTRAINT dag_bundle_team_team_id_fkey;
DROP INDEX idx_dag_bundle_team_team_id;
ALTER TABLE connection ALTER COLUMN team_id TYPE VARCHAR(50);
ALTER TABLE connection ALTER COLUMN team_id DROP NOT NULL;
ALTER TABLE connection RENAME team_id TO team_name;
ALTER TABLE variable ALTER COLUMN team_id TYPE VARCHAR(50);
ALTER TABLE variable ALTER COLUMN team_id DROP NOT NULL;
ALTER TABLE variable RENAME team_id TO team_name;
ALTER TABLE slot_pool ALTER COLUMN team_id TYPE VARCHAR(50);
ALTER TABLE slot_pool ALTER COLUMN team_id DROP NOT NULL;
ALTER TABLE slot_pool RENAME team_id TO team_name;
ALTER TABLE dag_bundle_team ALTER COLUMN team_id TYPE VARCHAR(50);
ALTER TABLE dag_bundle_team ALTER COLUMN team_id SET NOT NULL;
ALTER TABLE dag_bundle_team RENAME team_id TO team_name;
ALTER TABLE team DROP CONSTRAINT team_pkey;
ALTER TABLE team DROP CONSTRAINT team_name_uq;
ALTER TABLE team DROP COLUMN id;
ALTER TABLE team ADD CONSTRAINT team_pkey PRIMARY KEY (name);
CREATE INDEX idx_dag_bundle_team_team_name ON dag_bundle_team (team_name);
ALTER TABLE dag_bundle_team ADD CONSTRAINT dag_bundle_team_team_name_fkey FOREIGN KEY(team_name) REFERENCES team (name) ON DELETE CASCADE;
ALTER TABLE connection ADD CONSTRAINT connection_team_name_fkey FOREIGN KEY(team_name) REFERENCES team (name) ON DELETE SET NULL;
ALTER TABLE variable ADD CONSTRAINT variable_team_name_fkey FOREIGN KEY(team_name) REFERENCES team (name) ON DELETE SET NULL;
ALTER TABLE slot_pool ADD CONSTRAINT slot_pool_team_name_fkey FOREIGN KEY(team_name) REFERENCES team (name) ON DELETE SET NULL;
UPDATE alembic_version SET version_num='b12d4f98a91e' WHERE alembic_version.version_num = '665854ef0536';
COMMIT;

-- edc4f85a4619: Enforce the new ``NOT NULL`` expectations for ``log.event`` and ``dag.is_stale``
BEGIN;
UPDATE log SET event = '' WHERE event IS NULL;
UPDATE dag SET is_stale = false WHERE is_stale IS NULL;
ALTER TABLE log ALTER COLUMN event SET NOT NULL;
ALTER TABLE dag ALTER COLUMN is_stale SET NOT NULL;
UPDATE alembic_version SET version_num='edc4f85a4619' WHERE alembic_version.version_num = 'b12d4f98a91e';
COMMIT;

-- c47f2e1ab9d4: Add ``queue`` column to ``trigger`` table
BEGIN;
ALTER TABLE trigger ADD COLUMN queue VARCHAR(256);
UPDATE alembic_version SET version_num='c47f2e1ab9d4' WHERE alembic_version.version_num = 'edc4f85a4619';
COMMIT;

-- 0b112f49112d: Add exceeds max runs flag to dag model
BEGIN;
ALTER TABLE dag ADD COLUMN exceeds_max_non_backfill BOOLEAN DEFAULT '0' NOT NULL;
UPDATE alembic_version SET version_num='0b112f49112d' WHERE alembic_version.version_num = 'c47f2e1ab9d4';
COMMIT;

-- e79fc784f145: Add timetable_type to dag table for filtering
BEGIN;
ALTER TABLE dag ADD COLUMN timetable_type VARCHAR(255);
UPDATE dag SET timetable_type = '' WHERE timetable_type IS NULL;
ALTER TABLE dag ALTER COLUMN timetable_type SET NOT NULL;
UPDATE alembic_version SET version_num='e79fc784f145' WHERE alembic_version.version_num = '0b112f49112d';
COMMIT;

-- 55297ae24532: Add required fields to enable UI integrations for the Deadline Alerts feature
BEGIN;
CREATE TABLE deadline_alert (
id UUID NOT NULL,
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
serialized_dag_id UUID NOT NULL,
name VARCHAR(250),
description TEXT,
reference JSON NOT NULL,
interval FLOAT NOT NULL,
callback_def JSON NOT NULL,
CONSTRAINT deadline_alert_pkey PRIMARY KEY (id)
);
ALTER TABLE deadline ADD COLUMN deadline_alert_id UUID;
ALTER TABLE deadline ADD COLUMN created_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE deadline ADD COLUMN last_updated_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE deadline ADD CONSTRAINT deadline_deadline_alert_id_fkey FOREIGN KEY(deadline_alert_id) REFERENCES deadline_alert (id) ON DELETE SET NULL;
UPDATE deadline
            SET created_at = '2026-11-21T05:58:50.499700+00:00'::timestamptz, last_updated_at = '2026-11-21T05:58:50.499700+00:00'::timestamptz
            WHERE created_at IS NULL OR last_updated_at IS NULL;
ALTER TABLE deadline ALTER COLUMN created_at SET NOT NULL;
ALTER TABLE deadline ALTER COLUMN last_updated_at SET NOT NULL;
ALTER TABLE deadline_alert ADD CONSTRAINT deadline_alert_serialized_dag_id_fkey FOREIGN KEY(serialized_dag_id) REFERENCES serialized_dag (id) ON DELETE CASCADE;
CREATE INDEX tmp_deadline_dagrun_id_idx ON deadline (dagrun_id);
DROP INDEX tmp_deadline_dagrun_id_idx;
UPDATE alembic_version SET version_num='55297ae24532' WHERE alembic_version.version_num = 'e79fc784f145';
COMMIT;

-- a5a3e5eb9b8d: Make external_executor_id TEXT to allow for longer external_executor_ids
BEGIN;
ALTER TABLE task_instance ALTER COLUMN external_executor_id TYPE TEXT;
ALTER TABLE task_instance_history ALTER COLUMN external_executor_id TYPE TEXT;
UPDATE alembic_version SET version_num='a5a3e5eb9b8d' WHERE alembic_version.version_num = '55297ae24532';
COMMIT;

-- 53ff648b8a26: Add revoked_token table
BEGIN;
CREATE TABLE revoked_token (
jti VARCHAR(32) NOT NULL,
exp TIMESTAMP WITH TIME ZONE NOT NULL,
CONSTRAINT revoked_token_pkey PRIMARY KEY (jti)
);
CREATE INDEX idx_revoked_token_exp ON revoked_token (exp);
UPDATE alembic_version SET version_num='53ff648b8a26' WHERE alembic_version.version_num = 'a5a3e5eb9b8d';
COMMIT;

-- f8c9d7e6b5a4: Standardize UUID column format for non-PostgreSQL databases
BEGIN;
UPDATE alembic_version SET version_num='f8c9d7e6b5a4' WHERE alembic_version.version_num = '53ff648b8a26';
COMMIT;

-- e42d9fcd10d9: Add allowed_run_types to dag
BEGIN;
ALTER TABLE dag ADD COLUMN allowed_run_types JSON;
UPDATE alembic_version SET version_num='e42d9fcd10d9' WHERE alembic_version.version_num = 'f8c9d7e6b5a4';
COMMIT;

-- 134de42d3cb0: Add partition_key to backfill_dag_run
BEGIN;
ALTER TABLE dag_run ADD COLUMN created_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE backfill_dag_run ADD COLUMN partition_key VARCHAR(250);
ALTER TABLE backfill_dag_run ALTER COLUMN logical_date DROP NOT NULL;
UPDATE alembic_version SET version_num='134de42d3cb0' WHERE alembic_version.version_num = 'e42d9fcd10d9';
COMMIT;

-- 6222ce48e289: Add partition fields to DagModel
BEGIN;
ALTER TABLE dag ADD COLUMN timetable_partitioned BOOLEAN DEFAULT '0' NOT NULL;
ALTER TABLE dag ADD COLUMN next_dagrun_partition_key VARCHAR(255);
ALTER TABLE dag ADD COLUMN next_dagrun_partition_date TIMESTAMP WITH TIME ZONE;
ALTER TABLE dag_run ADD COLUMN partition_date TIMESTAMP WITH TIME ZONE;
UPDATE alembic_version SET version_num='6222ce48e289' WHERE alembic_version.version_num = '134de42d3cb0';
COMMIT;

-- 888b59e02a5b: Fix migration file ORM inconsistencies
BEGIN;
UPDATE connection SET is_encrypted = FALSE WHERE is_encrypted IS NULL;
UPDATE connection SET is_extra_encrypted = FALSE WHERE is_extra_encrypted IS NULL;
UPDATE dag SET is_paused = FALSE WHERE is_paused IS NULL;
UPDATE slot_pool SET slots = 0 WHERE slots IS NULL;
UPDATE task_instance SET try_number = 0 WHERE try_number IS NULL;
UPDATE task_instance SET max_tries = -1 WHERE max_tries IS NULL;
UPDATE variable SET val = '' WHERE val IS NULL;
UPDATE variable SET is_encrypted = FALSE WHERE is_encrypted IS NULL;
UPDATE variable SET key = '__airflow_var_fix_888b59e02a5b_' || id WHERE key IS NULL;
ALTER TABLE connection ALTER COLUMN is_encrypted SET NOT NULL;
ALTER TABLE connection ALTER COLUMN is_extra_encrypted SET NOT NULL;
ALTER TABLE dag ALTER COLUMN is_paused SET NOT NULL;
ALTER TABLE slot_pool ALTER COLUMN slots SET NOT NULL;
ALTER TABLE task_instance ALTER COLUMN try_number SET NOT NULL;
ALTER TABLE task_instance ALTER COLUMN max_tries SET NOT NULL;
ALTER TABLE variable ALTER COLUMN key SET NOT NULL;
ALTER TABLE variable ALTER COLUMN val SET NOT NULL;
ALTER TABLE variable ALTER COLUMN is_encrypted SET NOT NULL;
UPDATE alembic_version SET version_num='888b59e02a5b' WHERE alembic_version.version_num = '6222ce48e289';
COMMIT;

-- 1d6611b6ab7c: Add bundle_name to callback table
BEGIN;
ALTER TABLE callback ADD COLUMN bundle_name VARCHAR(250);
UPDATE alembic_version SET version_num='1d6611b6ab7c' WHERE alembic_version.version_num = '888b59e02a5b';
COMMIT;

-- a4c2d171ae18: Add dag_result to XComModel
BEGIN;
ALTER TABLE xcom ADD COLUMN dag_result BOOLEAN;
UPDATE alembic_version SET version_num='a4c2d171ae18' WHERE alembic_version.version_num = '1d6611b6ab7c';
COMMIT;

-- 9fabad868fdb: Add timetable_periodic to DagModel
BEGIN;
ALTER TABLE dag ADD COLUMN timetable_periodic BOOLEAN DEFAULT '0' NOT NULL;
UPDATE alembic_version SET version_num='9fabad868fdb' WHERE alembic_version.version_num = 'a4c2d171ae18';
COMMIT;

-- fde9ed84d07b: Add task_state_store and asset_state_store tables
BEGIN;
CREATE TABLE asset_state_store (
asset_id INTEGER NOT NULL,
key VARCHAR(512) NOT NULL,
value TEXT NOT NULL,
updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
last_updated_by_kind VARCHAR(16),
last_updated_by_dag_id VARCHAR(250),
last_updated_by_run_id VARCHAR(250),
last_updated_by_task_id VARCHAR(250),
last_updated_by_map_index INTEGER,
CONSTRAINT asset_state_store_pkey PRIMARY KEY (asset_id, key),
CONSTRAINT asset_state_store_asset_fkey FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE
);
CREATE TABLE task_state_store (
id SERIAL NOT NULL,
dag_run_id INTEGER NOT NULL,
task_id VARCHAR(250) NOT NULL,
map_index INTEGER DEFAULT '-1' NOT NULL,
key VARCHAR(512) NOT NULL,
dag_id VARCHAR(250) NOT NULL,
run_id VARCHAR(250) NOT NULL,
value TEXT NOT NULL,
updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
expires_at TIMESTAMP WITH TIME ZONE,
CONSTRAINT task_state_store_pkey PRIMARY KEY (id),
CONSTRAINT task_state_store_dag_run_fkey FOREIGN KEY(dag_run_id) REFERENCES dag_run (id) ON DELETE CASCADE,
CONSTRAINT task_state_store_uq UNIQUE (dag_run_id, task_id, map_index, key)
);
CREATE INDEX idx_task_state_store_lookup ON task_state_store (dag_id, run_id, task_id, map_index);
CREATE INDEX idx_task_state_store_expires_at ON task_state_store (expires_at);
UPDATE alembic_version SET version_num='fde9ed84d07b' WHERE alembic_version.version_num = '9fabad868fdb';
COMMIT;

-- b8f3e4a1d2c9: Add retry_delay_override and retry_reason to task_instance
BEGIN;
ALTER TABLE task_instance ADD COLUMN retry_delay_override FLOAT;
ALTER TABLE task_instance ADD COLUMN retry_reason VARCHAR(500);
ALTER TABLE task_instance_history ADD COLUMN retry_delay_override FLOAT;
ALTER TABLE task_instance_history ADD COLUMN retry_reason VARCHAR(500);
UPDATE alembic_version SET version_num='b8f3e4a1d2c9' WHERE alembic_version.version_num = 'fde9ed84d07b';
COMMIT;

-- a7f3b2c1d4e5: Add access control columns to dag_schedule_asset_reference table
BEGIN;
ALTER TABLE dag_schedule_asset_reference ADD COLUMN allow_producer_teams JSON;
ALTER TABLE dag_schedule_asset_reference ADD COLUMN allow_global_producers BOOLEAN DEFAULT true NOT NULL;
UPDATE alembic_version SET version_num='a7f3b2c1d4e5' WHERE alembic_version.version_num = 'b8f3e4a1d2c9';
COMMIT;

-- a1b2c3d4e5f6: Add version_data to dag_version
BEGIN;
ALTER TABLE dag_version ADD COLUMN version_data JSON;
UPDATE alembic_version SET version_num='a1b2c3d4e5f6' WHERE alembic_version.version_num = 'a7f3b2c1d4e5';
COMMIT;

-- acc215baed80: Add team_name to trigger table
BEGIN;
ALTER TABLE trigger ADD COLUMN team_name VARCHAR(50);
CREATE INDEX idx_trigger_team_name ON trigger (team_name);
ALTER TABLE trigger ADD CONSTRAINT trigger_team_name_fkey FOREIGN KEY(team_name) REFERENCES team (name) ON DELETE SET NULL;
UPDATE alembic_version SET version_num='acc215baed80' WHERE alembic_version.version_num = 'a1b2c3d4e5f6';
COMMIT;

-- 8812eb67b63c: Change Deadline interval to JSON
BEGIN;
ALTER TABLE deadline_alert ALTER COLUMN interval TYPE JSON USING to_json(interval);
UPDATE deadline_alert
            SET interval = json_build_object(
                '__classname__', 'datetime.timedelta',
                '__version__', 2,
                '__data__', (interval::text)::float
            )
            WHERE jsonb_typeof(interval::jsonb) = 'number';
UPDATE alembic_version SET version_num='8812eb67b63c' WHERE alembic_version.version_num = 'acc215baed80';
COMMIT;

-- a7e6d4c3b2f1: Add connection_test_request table for the deferred connection-test workflow
BEGIN;
CREATE TABLE connection_test_request (
id UUID NOT NULL,
token VARCHAR(64) NOT NULL,
connection_id VARCHAR(250) NOT NULL,
state VARCHAR(20) NOT NULL,
result_message VARCHAR(2000),
created_at TIMESTAMP WITH TIME ZONE NOT NULL,
updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
executor VARCHAR(256),
queue VARCHAR(256),
conn_type VARCHAR(500) NOT NULL,
host VARCHAR(500),
login TEXT,
password TEXT,
schema VARCHAR(500),
port INTEGER,
extra TEXT,
is_encrypted BOOLEAN DEFAULT '0' NOT NULL,
is_extra_encrypted BOOLEAN DEFAULT '0' NOT NULL,
commit_on_success BOOLEAN DEFAULT '0' NOT NULL,
active_connection_id VARCHAR(250),
team_name VARCHAR(50),
CONSTRAINT connection_test_request_pkey PRIMARY KEY (id),
CONSTRAINT connection_test_request_token_uq UNIQUE (token),
CONSTRAINT uq_connection_test_request_active_conn UNIQUE (active_connection_id)
);
CREATE INDEX idx_connection_test_request_state_created_at ON connection_test_request (state, created_at);
UPDATE alembic_version SET version_num='a7e6d4c3b2f1' WHERE alembic_version.version_num = '8812eb67b63c';
COMMIT;

-- c9d4e5f6a7b8: Add allow_consumer_teams columns to task_outlet_asset_reference table
BEGIN;
ALTER TABLE task_outlet_asset_reference ADD COLUMN allow_consumer_teams JSON;
ALTER TABLE task_outlet_asset_reference ADD COLUMN allow_global_consumers BOOLEAN DEFAULT true NOT NULL;
UPDATE alembic_version SET version_num='c9d4e5f6a7b8' WHERE alembic_version.version_num = 'a7e6d4c3b2f1';
COMMIT;

-- c20871fbf23a: Add partition_mapper_info to DagModel
BEGIN;
ALTER TABLE dag ADD COLUMN partition_mapper_info JSON;
UPDATE dag SET partition_mapper_info = '[]' WHERE partition_mapper_info IS NULL;
ALTER TABLE dag ALTER COLUMN partition_mapper_info SET NOT NULL;
UPDATE alembic_version SET version_num='c20871fbf23a' WHERE alembic_version.version_num = 'c9d4e5f6a7b8';
COMMIT;

-- dd5f3a8e2b91: Add rollup_fingerprint to AssetPartitionDagRun and index partitioned_asset_key_log.asset_partition_dag_run_id
BEGIN;
ALTER TABLE asset_partition_dag_run ADD COLUMN rollup_fingerprint JSON;
CREATE INDEX idx_pakl_apdr_id ON partitioned_asset_key_log (asset_partition_dag_run_id);
UPDATE alembic_version SET version_num='dd5f3a8e2b91' WHERE alembic_version.version_num = 'c20871fbf23a';
COMMIT;

-- 9ff64e1c35d3: Add indexes on dag_run.created_dag_version_id and task_instance.dag_version_id
BEGIN;
CREATE INDEX idx_dag_run_created_dag_version_id ON dag_run (created_dag_version_id);
CREATE INDEX ti_dag_version_id ON task_instance (dag_version_id);
UPDATE alembic_version SET version_num='9ff64e1c35d3' WHERE alembic_version.version_num = 'dd5f3a8e2b91';
COMMIT;

-- d2f4e1b3c5a7: Add partition_date to asset_partition_dag_run
BEGIN;
ALTER TABLE asset_partition_dag_run ADD COLUMN partition_date TIMESTAMP WITH TIME ZONE;
UPDATE alembic_version SET version_num='d2f4e1b3c5a7' WHERE alembic_version.version_num = '9ff64e1c35d3';
COMMIT;
