#!/usr/bin/env python3
"""Copies dbt artifacts and leaves out what no test needs.

    trim.py TARGET_DIRECTORY_OF_DBT DESTINATION [COMMAND]

Values that are kept are those that dbt wrote, in dbt's order. Left out: macros but two, documentation, parent and
child maps, constraints and the like of columns, checksums, compiled paths, most of each node's config, SQL beyond 60 characters, and all but a
few of the arguments in run_results.
"""
import json
import pathlib
import sys

NODE_WITHOUT = {
    "checksum", "compiled_path", "build_path", "unrendered_config", "docs", "contract", "extra_ctes",
    "extra_ctes_injected", "fqn", "patch_path", "doc_blocks", "constraints", "refs", "sources", "metrics", "functions",
    "root_path", "deferred", "created_at", "language", "quoting", "external", "loader", "time_spine",
    "primary_key", "deprecation_date", "latest_version", "access", "given", "expect", "overrides", "versions",
    "source_meta", "source_description",
}
CONFIG_KEEPS = {"enabled", "materialized", "tags", "meta", "group", "severity", "store_failures", "warn_if", "error_if"}
ARGUMENTS_KEPT = {"which", "full_refresh", "rpc_method", "invocation_command", "select", "exclude", "vars", "target"}
SECTIONS_EMPTIED = {"docs", "parent_map", "child_map", "group_map", "selectors", "semantic_models", "metrics"}


def cut(text):
    return text if not isinstance(text, str) or len(text) <= 60 else text[:60]


def node(value):
    kept = {k: v for k, v in value.items() if k not in NODE_WITHOUT}
    for code in ("raw_code", "compiled_code", "macro_sql"):
        if code in kept:
            kept[code] = cut(kept[code])
    if isinstance(kept.get("columns"), dict):
        kept["columns"] = {
            k: {f: cut(v) for f, v in c.items() if f in ("name", "data_type", "description")}
            for k, c in kept["columns"].items()}
    if "description" in kept:
        kept["description"] = cut(kept["description"])
    if isinstance(kept.get("config"), dict):
        kept["config"] = {k: v for k, v in kept["config"].items() if k in CONFIG_KEEPS}
    if isinstance(kept.get("depends_on"), dict) and "macros" in kept["depends_on"]:
        kept["depends_on"] = dict(kept["depends_on"], macros=[])
    return kept


def manifest(document):
    for name, section in document.items():
        if name in SECTIONS_EMPTIED and isinstance(section, dict):
            document[name] = {}
        elif name == "macros":
            document[name] = {k: node(v) for k, v in list(section.items())[:2]}
        elif name == "disabled":
            document[name] = {k: [node(n) for n in v] for k, v in section.items()}
        elif isinstance(section, dict) and name != "metadata":
            document[name] = {k: node(v) for k, v in section.items()}
    return document


def run_results(document):
    document["args"] = {k: v for k, v in document["args"].items() if k in ARGUMENTS_KEPT}
    for result in document["results"]:
        if "compiled_code" in result:
            result["compiled_code"] = cut(result["compiled_code"])
    return document


def main():
    source, destination = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    destination.mkdir(parents=True, exist_ok=True)
    for name, trim in (("manifest.json", manifest), ("run_results.json", run_results), ("sources.json", lambda d: d),
                       ("catalog.json", lambda d: d)):
        if (source / name).exists():
            document = trim(json.loads((source / name).read_text()))
            (destination / name).write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=True))
    for name in ("command", "rc"):
        if (source / name).exists():
            (destination / name).write_text((source / name).read_text())
    if len(sys.argv) > 3:
        (destination / "command").write_text(sys.argv[3])


main()
