#!/usr/bin/env python3
"""Writes what fuzzing begins with: a folder of inputs and a dictionary for each target, made of the tests' fixtures.

    python3 Tests/Fuzz/seeds.py FOLDER
"""
import hashlib
import json
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
fixtures = root / "Tests/Fixtures"
folder = pathlib.Path(sys.argv[1])
largest = 32_000


def seed(target, *inputs):
    (folder / target).mkdir(parents=True, exist_ok=True)
    for data in inputs:
        if 0 < len(data) <= largest:
            (folder / target / hashlib.sha1(data).hexdigest()).write_bytes(data)


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def cut(artifact, ids):
    """An artifact with these nodes alone."""
    kept = {}
    for name, section in artifact.items():
        if isinstance(section, dict) and name not in ("metadata", "args"):
            section = {key: value for key, value in section.items() if key in ids}
            for node in section.values():
                for long in ("raw_code", "compiled_code", "raw_sql", "compiled_sql", "config", "unrendered_config"):
                    if isinstance(node, dict) and len(str(node.get(long, ""))) > 200:
                        node.pop(long)
        kept[name] = section
    return kept


def artifacts():
    for run in sorted(fixtures.glob("dbt/*/*")):
        if not run.is_dir():
            continue
        files = {}
        for name in ("run_results", "manifest", "catalog", "sources"):
            path = run / f"{name}.json"
            files[name] = json.loads(path.read_text()) if path.exists() else None
        rows = ((files["run_results"] or files["sources"] or {}).get("results") or [])
        for first in range(0, max(len(rows), 1), 3):
            some = rows[first : first + 3]
            ids = {row["unique_id"] for row in some}
            nodes = {**(files["manifest"] or {}).get("nodes", {}), **(files["manifest"] or {}).get("sources", {})}
            ids |= {other for id in ids for other in nodes.get(id, {}).get("depends_on", {}).get("nodes", [])}
            parts = []
            for name in ("run_results", "manifest", "catalog", "sources"):
                file = files[name]
                if file is None:
                    parts.append(b"")
                elif name in ("run_results", "sources"):
                    parts.append(text({**file, "results": some}))
                else:
                    parts.append(text(cut(file, ids)))
            seed("artifacts", b"\0".join(parts), *(part for part in parts[:1]))


def answers():
    for path in sorted(fixtures.glob("dbt-cloud/*.json")):
        body = path.read_bytes()
        for call in range(5):
            for status in (0, 8, 10):
                seed("answers", bytes([call, status]) + body)
    # A server that repeats the token it was sent, as AnswersTarget.swift has it.
    for status in range(4, 13):
        seed("answers", bytes([0, status]) + text({"status": {"user_message": "secret-token-of-the-fuzzer\u0301"}}))
    # The shape of a project; no recording of one is among the fixtures.
    fields = {"host": {"value": "db"}, "port": {"value": 5432}}
    project = {"name": "p", "connection": {"name": "c", "type": "postgres", "details": {
        "host": "db", "port": 5432, "connection_details": {"fields": fields}}}}
    seed("answers", b"\4\0" + text({"status": {"code": 200, "is_success": True}, "data": project}))


def xcoms():
    for golden in json.loads((fixtures / "pickle/goldens.json").read_text()):
        seed("xcoms", bytes.fromhex(golden["hex"]))
    for path in sorted(fixtures.glob("correlation/*.json")):
        stored = json.loads(path.read_text())
        seed("xcoms", *(xcom["value"].encode() for xcom in stored["xcoms"] if isinstance(xcom["value"], str)))
        seed("xcoms", *(text(row["fields"]) for row in stored["rendered"]))
    for path in sorted((root / "Tests/CorrelationTests").glob("*.swift")):
        seed("xcoms", *(found.encode() for found in literals(path)))


def configuration():
    for path in sorted((root / "examples").glob("*.yaml")):
        seed("configuration", path.read_bytes())
    for block in re.findall(r"```yaml\n(.*?)```", (root / "README.md").read_text(), re.S):
        seed("configuration", block.encode())
    for path in sorted((root / "Tests/ConfigurationTests").glob("*.swift")):
        seed("configuration", *(found.encode() for found in literals(path)))


def literals(path):
    """The texts in a Swift file, without what is filled in."""
    source = path.read_text()
    found = [re.sub(r"(?m)^ {2,6}", "", block) for block in re.findall(r'"""\n(.*?)"""', source, re.S)]
    found += re.findall(r'#"(.+?)"#', source)
    found += re.findall(r'"((?:[^"\\\n]|\\["\\])+)"', source)
    return {re.sub(r"\\\([^)]*\)", "x", each).replace("\\n", "\n").replace('\\"', '"') for each in found}


def dictionary(target, rooms):
    words = set()
    for room in rooms:
        for path in (root / "Sources" / room).glob("*.swift"):
            words |= set(re.findall(r'"([A-Za-z0-9_.:/-]{2,40})"', path.read_text()))
    (folder / f"{target}.dict").write_text("".join(f'"{word}"\n' for word in sorted(words)))


artifacts()
answers()
xcoms()
configuration()
dictionary("artifacts", ["DbtArtifacts"])
dictionary("answers", ["DbtCloud"])
dictionary("xcoms", ["Correlation", "AirflowSource"])
dictionary("configuration", ["Configuration"])
