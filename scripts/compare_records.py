#!/usr/bin/env python3
"""Holds the records of a ledger against an independent reading of the Airflow database that they came from.

  airflow-syncer runs list --json --instance bench >records.ndjson
  python3 scripts/compare_records.py records.ndjson bench psql -h … -d …

The arguments are the file, the instance's name and how to start psql. The database must be one that Tests/Fixtures/airflow/generated/history.sql has filled: what a link must be is told by plain SQL
for what that makes. Every DAG run with its times and note, every attempt with its state and times, every link with its
evidence is compared. Exit status: 0 all are equal, 1 some are not. Needs nothing but Python 3.
"""
import hashlib
import json
import subprocess
import sys
from datetime import datetime, timezone

SQL = r"""
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\t'
\pset null '-'
begin isolation level repeatable read read only;
set local timezone = 'UTC';
select column_name = 'logical_date' as is3 from information_schema.columns
  where table_name = 'dag_run' and column_name in ('logical_date', 'execution_date') \gset
select count(*) > 0 as named from information_schema.columns
  where table_name = 'task_instance' and column_name = 'custom_operator_name' \gset
select to_regclass('task_instance_history') is not null as history, to_regclass('dag_run_note') is not null as notes \gset
\if :is3
  \set value 'x.value #>> ''{}'''
  \set date logical_date
  \set poke 'p.ti_id = t.id'
\else
  \set value 'trim(both ''"'' from convert_from(x.value, ''UTF8''))'
  \set date execution_date
  \set poke '(p.dag_id, p.run_id, p.task_id, p.map_index, p.try_number) = (t.dag_id, t.run_id, t.task_id, t.map_index, t.try_number)'
\endif
\if :named
  \set operator 'coalesce(t.custom_operator_name, t.operator)'
\else
  \set operator t.operator
\endif
\if :notes
  \set note '(select n.content from dag_run_note n where n.dag_run_id = r.id)'
\else
  \set note 'null::text'
\endif
select 'run', r.dag_id, r.run_id, r.state, (extract(epoch from r.start_date) * 1e6)::bigint,
       (extract(epoch from r.end_date) * 1e6)::bigint, (extract(epoch from r.queued_at) * 1e6)::bigint,
       (extract(epoch from r.:date) * 1e6)::bigint, :note
from dag_run r;
-- A sensor that was rescheduled began with its first poke.
select 'attempt', t.dag_id, t.run_id, t.task_id, t.map_index, t.try_number, t.state,
       (extract(epoch from least(t.start_date, (select min(p.start_date) from task_reschedule p where :poke))) * 1e6)::bigint,
       (extract(epoch from t.end_date) * 1e6)::bigint, :operator
from task_instance t where t.state is not null;
\if :history
  select 'attempt', t.dag_id, t.run_id, t.task_id, t.map_index, t.try_number, t.state,
         (extract(epoch from t.start_date) * 1e6)::bigint, (extract(epoch from t.end_date) * 1e6)::bigint, :operator
  from task_instance_history t;
\endif
-- An XCom belongs to the last try that had begun when it was written; in what is made up that is the live one.
select 'link', x.dag_id, x.run_id, x.task_id, x.map_index, t.try_number, u.url, x.key, :value
from xcom x
join task_instance t on t.dag_id = x.dag_id and t.run_id = x.run_id and t.task_id = x.task_id and t.map_index = x.map_index
  and t.start_date <= x."timestamp"
join lateral (select :value as url from xcom x where x.dag_id = t.dag_id and x.run_id = t.run_id and x.task_id = t.task_id
  and x.map_index = t.map_index and x.key = 'job_run_url') u on true
where t.operator = 'DbtCloudRunJobOperator'
  and x.key in ('job_run_url', 'job_run_id', 'return_value', '_link_DbtCloudRunJobOperatorLink');
commit;
"""

EVIDENCE = {
    "job_run_url": "xcom_job_run_url", "job_run_id": "xcom_job_run_id", "return_value": "xcom_return_value",
    "_link_DbtCloudRunJobOperatorLink": "xcom_operator_link",
}


class Digests:
    """Of each DAG run the sum of the hashes of its lines, whatever their order."""

    def __init__(self):
        self.sums, self.lines = {}, 0

    def add(self, run, *fields):
        text = "\t".join("-" if field is None else str(field) for field in fields)
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
        self.sums[run] = (self.sums.get(run, 0) + number) % (1 << 128)
        self.lines += 1


def micros(text):
    if text is None:
        return None
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    delta = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def of_records(lines, instance, wanted=None):
    found, shown = Digests(), []
    add = found.add if wanted is None else lambda run, *fields: run == wanted and shown.append(fields)
    for line in lines:
        record = json.loads(line)
        run = record["dag_run"]
        name = (run["dag_id"], run["run_id"])
        if record["key"] != f"{instance}/{run['dag_id']}/{run['run_id']}" or record["removed"] is not None:
            sys.exit(f"not a run of {instance} that is there: {record['key']}")
        times = [micros(run[n]) for n in ("start_date", "end_date", "queued_at", "logical_date")]
        add(name, "run", run["state"], *times, run["note"])
        for attempt in record["attempts"]:
            key = [attempt[n] for n in ("task_id", "map_index", "try_number")]
            add(name, "attempt", *key, attempt["state"], micros(attempt["start_date"]), micros(attempt["end_date"]),
                attempt["operator"])
            for link in attempt["dbt_runs"]:
                for evidence in link["evidence"]:
                    add(name, "link", *key, link["key"], link["relation"], link["confidence"], evidence["kind"],
                        evidence["value"])
    return found if wanted is None else shown


def of_database(command, wanted=None):
    found, shown = Digests(), []
    add = found.add if wanted is None else lambda run, *fields: run == wanted and shown.append(fields)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    process.stdin.write(SQL)
    process.stdin.close()
    for line in process.stdout:
        kind, dag, run, *rest = line.rstrip("\n").split("\t")
        if kind == "link":
            *key, url, evidence, value = rest
            host, _, account, _, _, _, number = url.removeprefix("https://").rstrip("/").split("/")
            rest = key + [f"cloud/{host}/{account}/{number}", "triggered", "exact", EVIDENCE[evidence], value]
        add((dag, run), kind, *rest)
    if process.wait() != 0:
        sys.exit(f"{command[0]} has failed")
    return found if wanted is None else shown


def main():
    path, instance, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    command += ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "FETCH_COUNT=20000", "-f", "-"]
    with open(path, encoding="utf-8") as lines:
        records = of_records(lines, instance)
    database = of_database(command)
    wrong = sorted(r for r in records.sums.keys() | database.sums.keys() if records.sums.get(r) != database.sums.get(r))
    print(f"{len(records.sums)} runs and {records.lines} facts in the records, {len(database.sums)} runs and "
          f"{database.lines} facts in the database: {len(wrong)} runs differ")
    if wrong:
        with open(path, encoding="utf-8") as lines:
            shown = texts(of_records(lines, instance, wrong[0]))
        expected = texts(of_database(command, wrong[0]))
        print("the first:", *wrong[0])
        for fields in sorted(shown - expected):
            print("  only in the records: ", *fields)
        for fields in sorted(expected - shown):
            print("  only in the database:", *fields)
    sys.exit(1 if wrong or not records.sums else 0)


def texts(facts):
    return {tuple("-" if field is None else str(field) for field in fields) for fields in facts}


main()
