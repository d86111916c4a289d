#!/usr/bin/env python3
"""Validates execution records against their JSON Schema.

  python3 validate_records.py docs/record.schema.json records.ndjson [more ...]

Every line is a record. Exit status: 0 all are valid, 1 some are not, or there are none. Needs: pip install
'jsonschema[format]'
"""
import json
import sys

from jsonschema import Draft202012Validator

schema = json.load(open(sys.argv[1], encoding="utf-8"))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
records = faults = 0
for path in sys.argv[2:]:
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        records += 1
        for error in validator.iter_errors(json.loads(line)):
            faults += 1
            print(f"{path}:{number}: {error.json_path}: {error.message[:300]}")
print(f"{records} records, {faults} faults")
sys.exit(1 if faults or not records else 0)
