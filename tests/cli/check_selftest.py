#!/usr/bin/env python3
"""Checks what `zvm selftest --hostile --json` printed. Usage: check_selftest.py RUN.json docs/limits.md
                                                             check_selftest.py RUN.json --table

Each line must be an object, and must have passed; `passed` must agree with the figures. The table "Measured
overshoot" of the page must have a row for each attack, in the same order, with the same end, and for
quantities that are counted the same overshoot. Times and memory of the page are of the run that its
text names. --table prints the table of a run instead.
"""
import json
import pathlib
import sys

HEAD = "| attack | ends by | counted limits | overshot by | times, overshot by | memory of the process beyond all limits |"
COUNTED = ["heap", "fuel", "output", "symbols", "calls", "isolates", "messages", "mailbox"]
TIMED = ["time", "CPU time"]


def shown(name, figure):
    return f"{name} {figure['limit']:,}{' B' if figure['unit'] == 'B' else ''}"


def counted_of(check):
    """The counted quantities that the attack is about: heap always, calls where they came to their limit."""
    for name in COUNTED:
        figure = check["figures"].get(name)
        if figure is None or name == "calls" and figure["used"] < figure["limit"]:
            continue
        yield name, figure


def row_of(check):
    counted = list(counted_of(check))
    timed = [(name, check["figures"][name]) for name in TIMED if name in check["figures"]]
    process = check["figures"]["process"]
    cells = [check["check"], check["expected_end"], ", ".join(shown(*each) for each in counted),
             ", ".join(str(figure["over"]) for _, figure in counted),
             ", ".join(f"{name} {figure['limit'] / 1e6:g} ms, by {figure['over'] / 1e6:.1f} ms"
                       for name, figure in timed) or "-",
             f"{process['over'] / 1048576:.1f} MiB"]
    return "| " + " | ".join(cells) + " |"


def exact(row):
    """The cells of a row that are the same in every run."""
    return [cell.strip() for cell in row.strip("|").split("|")][:4]


def table_of(page):
    lines = page.splitlines()
    if HEAD not in lines:
        sys.exit(f"the page has no table with the head {HEAD}")
    at = lines.index(HEAD) + 2
    while at < len(lines) and lines[at].startswith("|"):
        yield lines[at]
        at += 1


def faults_of(check):
    broken = [name for name, figure in check["figures"].items() if figure["judged"] and not figure["holds"]]
    over = [name for name, figure in check["figures"].items()
            if figure["over"] != max(0, figure["used"] - figure["limit"])]
    if not check["passed"]:
        yield f"{check['check']} failed: {', '.join(broken) or 'its end, or the honest ones'}"
    if check["passed"] and broken:
        yield f"{check['check']} passed in spite of {', '.join(broken)}"
    if over:
        yield f"{check['check']}: over is not used - limit: {', '.join(over)}"
    for name in COUNTED:
        if name in check["figures"] and check["figures"][name]["slack"] != 0:
            yield f"{check['check']}: {name} is counted, and has slack"


def main():
    checks = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text(encoding="utf8").splitlines()]
    attacks = [check for check in checks if "figures" in check]
    rows = [row_of(check) for check in attacks]
    if sys.argv[2] == "--table":
        print(HEAD, "| --- | --- | --- | --- | --- | --- |", *rows, sep="\n")
        return
    faults = [fault for check in attacks for fault in faults_of(check)]
    written = list(table_of(pathlib.Path(sys.argv[2]).read_text(encoding="utf8")))
    if [exact(row) for row in written] != [exact(row) for row in rows]:
        faults.append(f"the table of {sys.argv[2]} is not that of this run:\n" + "\n".join(rows))
    print(*faults, sep="\n")
    print(f"{len(attacks)} attacks")
    sys.exit(1 if faults or not attacks else 0)


main()
