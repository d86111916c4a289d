#!/usr/bin/env python3
"""Writes legacy_runid_vectors.json: run ids as providers before 2.0 make them, by the formulas of their released wheels
(1.8.0 and 1.14.0, airflow/providers/openlineage/plugins/adapter.py), with Python's own uuid and hashlib."""
import hashlib, json, uuid
from datetime import datetime, timezone


def static_uuid(instant, data):  # openlineage/client/uuid.py::generate_static_uuid
    node = int(hashlib.sha1(instant.isoformat().encode() + data).hexdigest(), 16) >> 84
    n = ((int(instant.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80) | node
    return str(uuid.UUID(int=(n & ~(0xF000 << 64) & ~(0xC000 << 48)) | (7 << 76) | (0x8000 << 48)))


vectors = []
for ns, dag, task, run in (("default", "etl", "load", "scheduled__2023-05-01T00:00:00+00:00"),
                           ("prod-airflow", "dbt daily", "group.run_dbt", "manual__a b"),
                           ("пространство", "dag", "tâche", "r")):
    for when in (datetime(2023, 5, 1, tzinfo=timezone.utc), datetime(2024, 2, 29, 23, 59, 59, 123000, timezone.utc)):
        for number in (0, 2):
            vectors.append(dict(
                namespace=ns, dag_id=dag, task_id=task, run_id=run, logical_date=when.isoformat(), try_number=number,
                dag_run_1_8=str(uuid.uuid3(uuid.NAMESPACE_URL, f"{ns}.{dag}.{run}")),
                attempt_1_8=str(uuid.uuid3(uuid.NAMESPACE_URL, f"{ns}.{dag}.{task}.{when}.{number}")),
                dag_run_1_14=static_uuid(when, f"{ns}.{dag}".encode()),
                attempt_1_14=static_uuid(when, f"{ns}.{dag}.{task}.{number}".encode())))
print('{\n "vectors": [\n' + ",\n".join("  " + json.dumps(v, ensure_ascii=False) for v in vectors) + "\n ]\n}")
