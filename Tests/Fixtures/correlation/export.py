#!/usr/bin/env python3
"""Writes <version>.json: what correlation needs of one captured Airflow database, and the truth beside it.

  python3 export.py 2.11.2 "host=127.0.0.1 dbname=af_2_11_2 user=postgres" 2.11.2.truth.json > 2.11.2.json

Needs psql. Pickles are read with Python's own unpickler: only for databases that you made yourself.
"""
import json, pickle, subprocess, sys

version, dsn, truth_path = sys.argv[1:]
three = version.startswith("3")
history = version not in ("2.6.3",)


def rows(sql):
    out = subprocess.run(["psql", "-X", "-At", "-d", dsn, "-c", "set timezone = 'UTC'", "-c",
                          f"select coalesce(json_agg(q), '[]') from ({sql}) q"], check=True, capture_output=True, text=True)
    return json.loads(out.stdout.split("\n", 1)[1])


name = "coalesce(nullif(custom_operator_name, ''), operator)" if version != "2.6.3" else "operator"
columns = f"dag_id, run_id, task_id, map_index, try_number, state, {name} as operator, start_date, end_date"
live = rows(f"select {columns} from task_instance where state is not null and state not in ('scheduled', 'queued')")
old = rows(f"select {columns} from task_instance_history") if history else []
value = "value::text" if three else "encode(value, 'hex')"
xcoms = rows(f'select dag_id, run_id, task_id, map_index, key, "timestamp", {value} as value from xcom where key in '
             "('job_run_id', 'job_run_url', '_link_DbtCloudRunJobOperatorLink', 'return_value')")
rendered = rows("select r.dag_id, r.run_id, r.task_id, r.map_index, r.rendered_fields as fields "
                "from rendered_task_instance_fields r join task_instance t using (dag_id, run_id, task_id, map_index) "
                "where t.operator ilike '%dbt%'")
for x in xcoms:
    if not three:
        raw = bytes.fromhex(x["value"])
        x["value"] = json.dumps(pickle.loads(raw)) if raw[:1] == b"\x80" else raw.decode()
seen = {(r["dag_id"], r["run_id"], r["task_id"], r["map_index"], r["try_number"]) for r in old}
attempts = old + [r for r in live if (r["dag_id"], r["run_id"], r["task_id"], r["map_index"], r["try_number"]) not in seen]
truth = [{k: t[k] for k in ("dag_id", "run_id", "task_id", "map_index", "try_number", "dbt_account_id", "dbt_run_id",
                            "triggered_at")} for t in json.load(open(truth_path))]
order = lambda r: (r["dag_id"], r["run_id"], r["task_id"], r["map_index"], r.get("try_number") or 0, r.get("key") or "")
for part in (attempts, xcoms, rendered, truth):
    part.sort(key=order)
print("{")
for index, (key, part) in enumerate((("attempts", attempts), ("xcoms", xcoms), ("rendered", rendered), ("truth", truth))):
    print(f' "{key}": [')
    print(",\n".join("  " + json.dumps(r, sort_keys=True) for r in part))
    print(" ]" + ("," if index < 3 else ""))
print("}")
