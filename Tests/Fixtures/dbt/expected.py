#!/usr/bin/env python3
"""Reads dbt artifacts with nothing but Python's json, for comparison with the project's own reader.

    expected.py FOLDER

Prints one JSON array per result: every field as text or null, in the order of FIELDS; then one per freshness row,
then one per node that those rows are about or read, in the order of unique_ids and of NODE_FIELDS.
"""
import datetime
import json
import os
import re
import sys

FIELDS = [
    "unique_id", "resource_type", "name", "package", "path", "owner", "group", "tags", "status", "relation",
    "started_at", "completed_at", "execution_time", "thread", "rows_affected", "failures", "message", "query_id",
    "depends_on", "attached_node", "column", "test", "severity", "inputs", "input_relations", "batches",
]
NODE_FIELDS = [
    "node", "unique_id", "resource_type", "relation", "database", "schema", "alias", "materialized", "description",
    "columns", "depends_on", "meta", "severity", "warn_if", "error_if",
]
SECTIONS = ["nodes", "sources", "exposures", "unit_tests", "functions", "metrics", "saved_queries", "semantic_models"]


def load(folder, name):
    path = os.path.join(folder, name)
    return json.load(open(path)) if os.path.exists(path) else None


def time(text):
    if text is None:
        return None
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(value):
    return None if value is None else value if isinstance(value, str) else repr(value)


def job(answer):
    """BigQuery's jobs have unique ids within a project's location only."""
    place = [answer.get("project_id"), answer.get("location")]
    return f"{place[0]}:{place[1]}.{answer['job_id']}" if all(place) and "job_id" in answer else answer.get("job_id")


def relation(node):
    config = node.get("config") or {}
    if node["resource_type"] not in ("model", "seed", "snapshot", "source") or config.get("materialized") == "ephemeral":
        return None
    if node.get("relation_name"):
        return node["relation_name"].replace('"', "")
    return ".".join(part for part in (node.get("database"), node.get("schema"), node.get("alias")) if part)


def attached(node):
    if node.get("attached_node"):
        return node["attached_node"]
    model = ((node.get("test_metadata") or {}).get("kwargs") or {}).get("model") or ""
    source = re.search(r"source\('([^']+)', '([^']+)'\)", model)
    if source:
        return "source.%s.%s.%s" % (node["package_name"], source.group(1), source.group(2))
    ref = re.search(r"\bref\('([^']+)'\)", model)
    if ref:
        return next(n for n in node["depends_on"]["nodes"] if n.split(".")[2] == ref.group(1))
    return None


def inputs(unique_id, nodes, seen=None):
    """What a node reads: through ephemeral models to tables and views."""
    seen = {unique_id} if seen is None else seen
    found = []
    for parent in (nodes[unique_id].get("depends_on") or {}).get("nodes") or []:
        if parent in seen or parent not in nodes:
            continue
        seen.add(parent)
        found += [parent] if relation(nodes[parent]) else inputs(parent, nodes, seen)
    return found


def batches(result):
    found = result.get("batch_results") or {}
    counts = [len(found.get(kind) or []) for kind in ("successful", "failed")]
    return "%d/%d" % tuple(counts) if sum(counts) else None


def node_row(unique_id, node, table):
    config = node.get("config") or {}
    is_test = node["resource_type"] == "test"
    columns = [[c["name"], c.get("data_type"), c.get("description") or None] for c in node.get("columns", {}).values()]
    if table and relation(node):
        ours = {c[0].lower(): c for c in columns}
        columns = []
        for c in sorted(table["columns"].values(), key=lambda c: c["index"]):
            _, kind, said = ours.get(c["name"].lower(), [None, None, None])
            columns.append([c["name"], c["type"] or kind, said or c["comment"] or None])
    values = {
        "node": "node",
        "unique_id": unique_id,
        "resource_type": node["resource_type"],
        "relation": relation(node),
        "database": node.get("database"),
        "schema": node.get("schema"),
        "alias": node.get("identifier") or node.get("alias"),
        "materialized": config.get("materialized"),
        "description": node.get("description") or None,
        "columns": "|".join(",".join(part or "-" for part in c) for c in columns),
        "depends_on": ",".join((node.get("depends_on") or {}).get("nodes", [])),
        "meta": "|".join(
            "%s=%s" % (k, v if isinstance(v, str) else json.dumps(v, separators=(",", ":")))
            for k, v in (node.get("meta") or config.get("meta") or {}).items()),
        "severity": config["severity"].lower() if is_test else None,
        "warn_if": config.get("warn_if") if is_test else None,
        "error_if": config.get("error_if") if is_test else None,
    }
    return [text(values[field]) for field in NODE_FIELDS]


def row(result, node, nodes):
    timing = [t for t in result.get("timing", []) if t.get("started_at")]
    answer = result.get("adapter_response") or {}
    rows = answer.get("rows_affected")
    owner = node.get("owner") if node["resource_type"] == "exposure" else None
    metadata = node.get("test_metadata") or {}
    is_test = node["resource_type"] == "test"
    values = {
        "unique_id": result["unique_id"],
        "resource_type": node["resource_type"],
        "name": node["name"],
        "package": node["package_name"],
        "path": node["original_file_path"],
        "owner": (node.get("meta") or {}).get("owner") or (owner or {}).get("name"),
        "group": node.get("group"),
        "tags": ",".join(node.get("tags", node.get("config", {}).get("tags")) or []),
        "status": result["status"],
        "relation": relation(node),
        "started_at": min((time(t["started_at"]) for t in timing), default=None),
        "completed_at": max((time(t["completed_at"]) for t in timing), default=None),
        "execution_time": float(result["execution_time"]),
        "thread": result["thread_id"],
        "rows_affected": None if rows is None or rows < 0 else rows,
        "failures": result["failures"],
        "message": result["message"],
        "query_id": answer.get("query_id") or job(answer),
        "depends_on": ",".join(node.get("depends_on", {}).get("nodes", [])),
        "attached_node": attached(node) if is_test else None,
        "column": node.get("column_name") if is_test else None,
        "test": metadata.get("name"),
        "severity": node["config"]["severity"].lower() if is_test else None,
        "inputs": ",".join(inputs(result["unique_id"], nodes)),
        "input_relations": ",".join(relation(nodes[i]) for i in inputs(result["unique_id"], nodes)),
        "batches": batches(result),
    }
    return [text(values[field]) for field in FIELDS]


def main():
    folder = sys.argv[1]
    results, manifest, sources, catalog = (
        load(folder, n) for n in ("run_results.json", "manifest.json", "sources.json", "catalog.json"))
    nodes = {}
    for section in SECTIONS:
        nodes.update(manifest.get(section) or {})
    asked = [r["unique_id"] for r in (results or sources)["results"]]
    if results:
        for result in results["results"]:
            print(json.dumps(row(result, nodes[result["unique_id"]], nodes)))
    for source in (sources or {}).get("results", []):
        age = source.get("max_loaded_at_time_ago_in_s")
        print(json.dumps([
            source["unique_id"], source["status"], time(source.get("max_loaded_at")),
            time(source.get("snapshotted_at")), None if age is None else text(float(age)), source.get("error"),
        ]))
    tables = dict((catalog or {}).get("nodes") or {}, **((catalog or {}).get("sources") or {}))
    for unique_id in sorted(set(asked).union(*(inputs(u, nodes) for u in asked))):
        print(json.dumps(node_row(unique_id, nodes[unique_id], tables.get(unique_id))))


main()
