#!/usr/bin/env python3
"""Checks JSON findings of zvm. Usage: check_diagnostics.py SCHEMA FINDINGS [TEXT]

FINDINGS holds one object a line, each valid under the schema, none before the one above it in the same
file. TEXT: the same findings for people; places, messages and hints must be the same.
"""
import json
import sys

import jsonschema


def as_text(finding):
    place = f":{finding['line']}:{finding['column']}" if finding["line"] else ""
    lines = [f"{finding['file']}{place}: {finding['severity']}: {finding['message']}"]
    return lines + [f"hint: {hint}" for hint in finding["hints"]]


def check_order(findings):
    for before, after in zip(findings, findings[1:]):
        if before["file"] == after["file"] and after["severity"] == "error":
            assert before["line"] <= after["line"], (before, after)
    for finding in findings:
        start = finding["line"], finding["column"]
        assert start <= (finding["end_line"], finding["end_column"]), finding


def main():
    schema_path, findings_path = sys.argv[1:3]
    with open(schema_path, encoding="utf-8") as file:
        validator = jsonschema.Draft202012Validator(json.load(file))
    with open(findings_path, "rb") as file:
        findings = [json.loads(line.decode("utf-8")) for line in file.read().split(b"\n") if line]
    assert findings, "no findings"
    for finding in findings:
        validator.validate(finding)
    check_order(findings)
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8") as file:
            shown = [line for line in file.read().split("\n") if line and line[0] != " "]
        wanted = [line for finding in findings for line in as_text(finding)]
        assert shown == wanted, (shown, wanted)


main()
