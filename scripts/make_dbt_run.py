#!/usr/bin/env python3
"""Writes what one `dbt build` of a made-up project leaves: manifest.json and run_results.json.

usage: make_dbt_run.py FOLDER MODELS TESTS
"""
import json
import os
import sys

folder, models, tests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder, exist_ok=True)
metadata = {"dbt_version": "1.9.11", "generated_at": "2026-11-01T10:30:00.000000Z", "invocation_id": "bench-1",
            "project_name": "bench", "adapter_type": "postgres", "env": {}}
nodes, results = {}, []


def result(unique_id, status, seconds, **more):
    times = [{"name": name, "started_at": f"2026-11-01T10:{seconds // 60 % 60:02}:{seconds % 60:02}.000000Z",
              "completed_at": f"2026-11-01T10:{seconds // 60 % 60:02}:{seconds % 60:02}.500000Z"}
             for name in ("compile", "execute")]
    results.append({"unique_id": unique_id, "status": status, "timing": times, "thread_id": "Thread-1 (worker)",
                    "execution_time": 0.5, "adapter_response": {"rows_affected": 100, "_message": "SELECT 100"},
                    "message": "SELECT 100", "failures": None, **more})


def columns():
    return {f"column_{i}": {"name": f"column_{i}", "description": "What this column is about.", "meta": {},
                            "data_type": "text", "tags": []} for i in range(10)}


for i in range(models):
    unique_id = f"model.bench.model_{i}"
    relation = f'"analytics"."public"."model_{i}"'
    nodes[unique_id] = {
        "unique_id": unique_id, "resource_type": "model", "name": f"model_{i}", "alias": f"model_{i}",
        "package_name": "bench", "database": "analytics", "schema": "public", "relation_name": relation,
        "original_file_path": f"models/model_{i}.sql", "path": f"model_{i}.sql", "fqn": ["bench", f"model_{i}"],
        "description": "A model that stands for many.", "tags": ["nightly"], "meta": {"owner": "data"},
        "config": {"materialized": "table", "meta": {"owner": "data"}, "tags": ["nightly"]}, "columns": columns(),
        "depends_on": {"macros": [], "nodes": [f"model.bench.model_{j}" for j in range(max(0, i - 3), i)]},
        "raw_code": "select * from somewhere -- " + "x" * 1000, "compiled_code": "select 1 -- " + "x" * 1000}
    result(unique_id, "success", i, relation_name=relation)
for i in range(tests):
    unique_id = f"test.bench.not_null_{i}"
    model = f"model.bench.model_{i % models}"
    nodes[unique_id] = {
        "unique_id": unique_id, "resource_type": "test", "name": f"not_null_{i}", "package_name": "bench",
        "original_file_path": "models/schema.yml", "attached_node": model, "column_name": "column_1",
        "test_metadata": {"name": "not_null", "kwargs": {"column_name": "column_1"}, "namespace": None},
        "config": {"severity": "ERROR", "warn_if": "!= 0", "error_if": "!= 0"}, "columns": {}, "tags": [], "meta": {},
        "depends_on": {"macros": [], "nodes": [model]}, "raw_code": "{{ test_not_null(**_dbt_generic_test_kwargs) }}"}
    result(unique_id, "pass", models + i, failures=0)

with open(f"{folder}/manifest.json", "w") as file:
    json.dump({"metadata": metadata, "nodes": nodes, "sources": {}, "macros": {}, "exposures": {}}, file)
with open(f"{folder}/run_results.json", "w") as file:
    json.dump({"metadata": metadata, "args": {"which": "build"}, "results": results, "elapsed_time": 60.0}, file)
with open(f"{folder}/command", "w") as file:
    file.write("dbt build\n")
