#!/usr/bin/env python3
"""Checks a JSON report of zvm. Usage: check_report.py REPORT SCHEMA [NAME=VALUE...]

The report must be valid under the schema; each counter of `totals` that the workers have, too, must be
their sum (maxima: their maximum; percentiles are not compared); what is created is destroyed and what
is finished succeeded or failed. NAME=VALUE: a member of `totals` that must have this value.
"""
import json
import sys

import jsonschema


def is_maximum(name):
    return name.endswith("_max")


def is_estimate(name):
    """Neither a sum nor a maximum of the parts: percentiles, and the sampled peak of the whole."""
    return name.endswith(("_p50", "_p99")) or "peak" in name


def numbers(part, prefix=""):
    """The numbers of a part by their path: nested objects are looked into."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{prefix}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield prefix + name, value


def check_sums(report):
    parts = [dict(numbers(worker)) for worker in report["workers"]]
    compared = 0
    for name, total in numbers(report["totals"]):
        if is_estimate(name) or not parts or any(name not in part for part in parts):
            continue
        values = [part[name] for part in parts]
        wanted = max(values) if is_maximum(name) else sum(values)
        compared += 1
        if wanted != total:
            yield f"totals.{name} is {total}, its parts make {wanted}"
    if compared < 10:
        yield f"only {compared} counters could be compared with their parts"


def check_identities(totals):
    failed = sum(value for name, value in totals.items() if name.startswith("failed_"))
    if totals["isolates_finished"] != totals["isolates_succeeded"] + failed:
        yield "finished is not succeeded + failed"
    if totals["isolates_created"] != totals["isolates_destroyed"]:
        yield "not every isolate was destroyed"
    if totals["heap_current_bytes"] != 0:
        yield "heaps are left after the last isolate"
    if totals["allocated_bytes"] < totals["freed_bytes"]:
        yield "more was freed than allocated"


def check_values(report, wanted):
    found = dict(numbers(report["totals"]))
    for item in wanted:
        name, _, value = item.partition("=")
        if found.get(name) != int(value):
            yield f"{name} is {found.get(name)}, expected {value}"


def main():
    report = json.load(open(sys.argv[1], encoding="utf8"))
    schema = json.load(open(sys.argv[2], encoding="utf8"))
    jsonschema.validate(report, schema)
    problems = [f"top level has no '{name}'" for name in ("schema", "totals", "workers", "intern", "pools")
                if name not in report]
    if not problems:
        problems += check_sums(report)
        problems += check_identities(dict(numbers(report["totals"])))
        problems += check_values(report, sys.argv[3:])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
