#!/usr/bin/env python3
"""Checks reports against their schema and against themselves. Usage: validate.py SCHEMA REPORT...

Knows the part of JSON Schema that the schema uses, and stops at a keyword that it does not know, so
that nothing in the schema goes unchecked. Where the package jsonschema is installed, it has to agree.
"""
import json
import sys

IGNORED = {"$schema", "title", "description", "$defs"}
OPTIONAL = {"top"}  # there only when it was asked for
MAXIMA = {"pause_ns_max", "slice_ns_max"}
NOT_SUMMED = {"worker", "is_host", "is_asleep", "age_ns", "pause_ns_p50", "pause_ns_p99",
              "slice_ns_p50", "slice_ns_p99"}


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"key twice: {keys}"
    return dict(pairs)


def check_type(name, value):
    kinds = {"object": dict, "array": list, "boolean": bool, "integer": int, "number": (int, float)}
    if name in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, kinds[name])


def check(schema, value, root, where):
    """Raises AssertionError with the place of the first breach."""
    for word, argument in schema.items():
        if word in IGNORED or word in ("required", "additionalProperties", "items"):
            continue
        if word == "$ref":
            check(root["$defs"][argument.removeprefix("#/$defs/")], value, root, where)
        elif word == "type":
            assert check_type(argument, value), f"{where}: not of type {argument}: {value!r}"
        elif word == "const":
            assert value == argument, f"{where}: {value!r} is not {argument!r}"
        elif word == "minimum":
            assert value >= argument, f"{where}: {value} is below {argument}"
        elif word == "maximum":
            assert value <= argument, f"{where}: {value} is above {argument}"
        elif word == "minItems":
            assert len(value) >= argument, f"{where}: {len(value)} items"
        elif word == "properties":
            assert schema["additionalProperties"] is False, f"{where}: the schema is not strict"
            wanted = set(argument) - (OPTIONAL - set(value))
            assert set(schema["required"]) == set(argument) - OPTIONAL, f"{where}: the schema is not strict"
            assert set(value) == wanted, f"{where}: {set(value) ^ wanted}"
            for key, part in argument.items():
                if key not in wanted:
                    continue
                check(part, value[key], root, f"{where}.{key}")
        else:
            raise AssertionError(f"{where}: validate.py does not know the keyword {word}")
    for index, part in enumerate(value if "items" in schema else []):
        check(schema["items"], part, root, f"{where}[{index}]")


def check_sums(report):
    totals, rows = report["totals"], report["workers"]
    assert len(rows) == totals["worker_count"] + 1, "one row a worker and one of the host"
    assert [row["is_host"] for row in rows] == [False] * (len(rows) - 1) + [True], "host row last"
    assert [row["worker"] for row in rows] == list(range(len(rows))), "rows in order"
    for key in set(rows[0]) - NOT_SUMMED:
        values = [row[key] for row in rows]
        expected = max(values) if key in MAXIMA else sum(values)
        assert totals[key] == expected, f"totals.{key} is {totals[key]}, the rows give {expected}"
    failed = sum(totals[key] for key in totals if key.startswith("failed_"))
    assert totals["isolates_finished"] == totals["isolates_succeeded"] + failed, "finished"


def check_report(schema, report_path):
    with open(report_path, encoding="utf-8") as file:
        report = json.load(file, object_pairs_hook=no_duplicates)
    check(schema, report, schema, "report")
    check_sums(report)
    try:
        import jsonschema
    except ImportError:
        return
    jsonschema.validate(report, schema)


def main(schema_path, *report_paths):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    for path in report_paths:
        check_report(schema, path)


main(*sys.argv[1:])
