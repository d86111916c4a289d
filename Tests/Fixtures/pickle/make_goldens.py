#!/usr/bin/env python3
"""Writes pickles of all binary protocols together with what is to be read from them."""
import collections
import datetime
import decimal
import fractions
import json
import math
import pickle
import uuid


def opaque(kind, size):
    return {"opaque": kind, "bytes": size}


def plain(value, size):
    """The value as JSON, by the rules of the reader."""
    if isinstance(value, (bytes, bytearray)):
        return opaque("bytes", len(value))
    if isinstance(value, float) and not math.isfinite(value):
        return opaque("nan" if math.isnan(value) else "-infinity" if value < 0 else "infinity", 8)
    if isinstance(value, (list, tuple)):
        return [plain(item, size) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item, size) for item in value), key=lambda item: text(item).encode())
    if isinstance(value, dict):
        if not all(key is None or isinstance(key, (str, int, float)) for key in value):
            return opaque("dict", size)
        return {key: plain(item, size) for key, item in value.items()}
    return value


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


shared = ["shared", 1]
deep = None
for _ in range(60):
    deep = [deep]
too_deep = None
for _ in range(70):
    too_deep = [too_deep]
loop = []
loop.append(loop)
bomb = ["x" * 100]
for _ in range(30):
    bomb = [bomb, bomb]

VALUES = {
    "none": None, "true": True, "false": False,
    "zero": 0, "byte": 255, "short": 65535, "int32": 2**31 - 1, "negative": -1, "int32 minimum": -(2**31),
    "int33": 2**32, "dbt id of 14 digits": 70437463654557, "int64 minimum": -(2**63), "int64 maximum": 2**63 - 1,
    "128 bits": 2**127 + 12345678901234567890, "negative 128 bits": -(2**127) - 1, "1000 bits": 3**630,
    "-128": -128, "-129": -129, "-32769": -32769, "128": 128,
    "float": 1.5, "tenth": 0.1, "negative zero": -0.0, "large": 1e300, "smallest": 5e-324, "whole": 2.0,
    "empty": "", "ascii": "hello", "unicode": "\u00e9 \u2603 \U0001f600", "controls": "a\x00b\n\t\"\\",
    "long text": "x" * 300, "replacement": "\ufffd",
    "bytes in list": [b"abc", b"", bytearray(b"xyz"), bytearray()], "long bytes in list": [bytes(300)],
    "list": [1, [2, [3, []]]], "long list": list(range(1001)),
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "dict": {"dbt_run_id": 50019009, "job": 121, "nested": {"a": [1, None, 1.5, "\u00e9"]}},
    "long dict": {"key %d" % number: number for number in range(1001)},
    "other keys": {1: "a", 1.5: "b", True: "c", None: "d", "e": "f"},
    "tuple keys": [{(1, 2): 3}],
    "sets": [set(), {3, 1, 2}, frozenset({"b", "a"}), {("t", 1), None}],
    "long set": set(range(1001)),
    "not finite": [math.nan, math.inf, -math.inf],
    "shared": [shared, shared, {"again": shared}],
    "deep": deep,
    "API answer": {"status": {"code": 200, "is_success": True}, "data": {"id": 50019010, "href": "https://x/runs/50019010/"}},
}
OPAQUE = {
    "bytes": (b"abc", "bytes", 3),
    "nan": (math.nan, "nan", 8),
    "huge integer": (1 << 8000, "integer", 1001),
    "datetime": (datetime.datetime(2026, 1, 1), "pickle of datetime.datetime", None),
    "nested object": ([1, {"when": datetime.date(2026, 1, 1)}], "pickle of datetime.date", None),
    "decimal": (decimal.Decimal("1.5"), "pickle of decimal.Decimal", None),
    "fraction": (fractions.Fraction(1, 3), "pickle of fractions.Fraction", None),
    "uuid": (uuid.UUID(int=1), "pickle of uuid.UUID", None),
    "ordered dict": (collections.OrderedDict(a=1), "pickle of collections.OrderedDict", None),
    "complex": (1j, None, None),
    "function": (print, None, None),
    "exception": (ValueError("x"), None, None),
    "loop": (loop, "pickle too large", None),
    "too deep": (too_deep, "pickle too large", None),
    "bomb": (bomb, "pickle too large", None),
}

goldens = []
for protocol in range(2, 6):
    for name, value in VALUES.items():
        data = pickle.dumps(value, protocol)
        goldens.append(
            {"name": name, "protocol": protocol, "hex": data.hex(), "json": text(plain(value, len(data)))})
    for name, (value, kind, size) in OPAQUE.items():
        data = pickle.dumps(value, protocol)
        golden = {"name": name, "protocol": protocol, "hex": data.hex(), "opaque": kind, "bytes": size or len(data)}
        goldens.append(golden)
print("[\n" + ",\n".join(json.dumps(golden) for golden in goldens) + "\n]")
