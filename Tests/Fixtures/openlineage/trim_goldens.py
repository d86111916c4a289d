#!/usr/bin/env python3
"""Copies what OpenLineage's dbt integration has written, and the artifacts that it has written it of, without what no
test needs.

    trim_goldens.py GOLDENS ARTIFACTS DESTINATION

GOLDENS holds <folder>-<command>.json (+catalog), ARTIFACTS <folder>/<command>/*.json. Left out of events: who made
them, schema addresses, run ids and parents, which are not ours to repeat. SQL is cut at 60 characters in both.
"""
import json
import pathlib
import sys

NODE_KEEPS = {
    "unique_id", "resource_type", "name", "package_name", "original_file_path", "database", "schema", "alias",
    "identifier", "relation_name", "depends_on", "columns", "description", "tags", "meta", "config", "attached_node",
    "column_name", "test_metadata", "compiled_code", "version", "group", "source_name", "file_key_name",
}
CONFIG_KEEPS = {"materialized", "severity", "warn_if", "error_if", "meta", "tags"}


def cut(value):
    return value[:60] if isinstance(value, str) else value


def node(value):
    kept = {k: v for k, v in value.items() if k in NODE_KEEPS}
    if "compiled_code" in kept:
        kept["compiled_code"] = cut(kept["compiled_code"])
    kept["config"] = {k: v for k, v in (kept.get("config") or {}).items() if k in CONFIG_KEEPS}
    if "depends_on" in kept:
        kept["depends_on"] = {"nodes": kept["depends_on"].get("nodes", [])}
    columns = kept.get("columns") or {}
    kept["columns"] = {
        k: {f: c.get(f) for f in ("name", "description", "data_type")} for k, c in columns.items()
    }
    return kept


def manifest(document):
    sections = ("nodes", "sources", "unit_tests", "exposures")
    kept = {"metadata": document["metadata"]}
    for name in sections:
        kept[name] = {k: node(v) for k, v in document.get(name, {}).items()}
    return kept


def run_results(document):
    results = []
    for result in document["results"]:
        results.append({k: cut(v) if k == "compiled_code" else v for k, v in result.items()})
    return {"metadata": document["metadata"], "args": {"which": document["args"]["which"]}, "results": results}


def bare(value):
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in ("_producer", "_schemaURL")}
    return [bare(v) for v in value] if isinstance(value, list) else value


def event(value):
    value = bare(value)
    for name in ("producer", "schemaURL"):
        del value[name]
    del value["run"]["runId"]
    del value["job"]["namespace"]
    value["run"]["facets"].pop("parent", None)
    value["run"]["facets"].get("processing_engine", {}).pop("openlineageAdapterVersion", None)
    sql = value["job"]["facets"].get("sql")
    if sql:
        sql["query"] = cut(sql["query"])
    for test in value["run"]["facets"].get("test", {}).get("tests", []):
        if "content" in test:
            test["content"] = cut(test["content"])
    return value


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


goldens, artifacts, destination = map(pathlib.Path, sys.argv[1:])
for golden in sorted(goldens.glob("*-*-*.json")):
    version, adapter, command = golden.stem.split("-", 2)
    if command[0].isdigit():
        events = [event(e) for e in json.loads(golden.read_text())]
        (destination / f"{golden.stem}.ndjson").write_text(
            "".join(json.dumps(e, ensure_ascii=False, separators=(",", ":")) + "\n" for e in events))
        source = artifacts / f"{version}-{adapter}"
        target = destination / f"{version}-{adapter}" / command.split("+")[0]
        for name, trim in (("manifest", manifest), ("run_results", run_results)):
            write(target / f"{name}.json", trim(json.loads((source / command.split("+")[0] / f"{name}.json").read_text())))
        if command.endswith("+catalog"):
            catalog = json.loads((source / "08_docs_generate" / "catalog.json").read_text())
            write(destination / f"{version}-{adapter}" / "catalog.json", catalog)
