#!/usr/bin/env python3
"""Checks a trace of `zvm run --trace`. Usage: check_trace.py TRACE [REPORT.json] [--dropped]

It is JSON; each row has a name; in a row events either follow one another or lie inside one another, and
nothing but collections lies inside; with a report: slices, fuel, collections and parks are those of the
report. --dropped: some events must be missing (and no report is compared).
"""
import decimal
import json
import sys


def load(path):
    with open(path, encoding="utf8") as file:
        return json.load(file, parse_float=decimal.Decimal)


def nanoseconds(microseconds):
    value = decimal.Decimal(microseconds) * 1000
    assert value == int(value), f"{microseconds} is not in whole nanoseconds"
    return int(value)


def check_row(events):
    """Events of one worker nest."""
    spans = sorted(((nanoseconds(e["ts"]), -nanoseconds(e["dur"]), e["cat"]) for e in events))
    open_spans = []
    for start, minus_duration, kind in spans:
        assert minus_duration <= 0, "a duration is below zero"
        end = start - minus_duration
        while open_spans and open_spans[-1][0] <= start and open_spans[-1][0] < max(end, start + 1):
            open_spans.pop()
        if open_spans:
            outer_end, outer_kind = open_spans[-1]
            assert end <= outer_end, f"a {kind} ends after the {outer_kind} that it begins in"
            assert kind == "collection", f"a {kind} lies in a {outer_kind}"
            assert outer_kind == "slice", f"a collection lies in a {outer_kind}"
        open_spans.append((end, kind))


def rows_of(trace):
    rows, names = {}, {}
    for event in trace["traceEvents"]:
        if event["ph"] == "M":
            assert event["name"] == "thread_name"
            names[event["tid"]] = event["args"]["name"]
            rows.setdefault(event["tid"], [])
        else:
            assert event["ph"] == "X", event
            rows[event["tid"]].append(event)
    assert all(names[row] == f"worker {row}" for row in rows), names
    return rows


def of_kind(rows, kind):
    return [event for row in rows.values() for event in row if event["cat"] == kind]


def compare(rows, report):
    totals = report["totals"]
    slices, collections = of_kind(rows, "slice"), of_kind(rows, "collection")
    assert len(slices) == totals["slices"], (len(slices), totals["slices"])
    fuel = sum(event["args"]["fuel"] for event in slices)
    assert fuel == totals["fuel_used"], (fuel, totals["fuel_used"])
    time_ns = sum(nanoseconds(event["dur"]) for event in slices)
    assert time_ns == totals["slice_ns_total"], (time_ns, totals["slice_ns_total"])
    wanted = totals["full_collections"] + totals["minor_collections"] + totals["gc_slices"]
    assert len(collections) >= wanted, (len(collections), wanted)
    pause_ns = sum(nanoseconds(event["dur"]) for event in collections)
    # Of a slice with more than 64 pauses the report counts the longest.
    assert pause_ns >= totals["pause_ns_total"], (pause_ns, totals["pause_ns_total"])
    parks = len(of_kind(rows, "park"))
    assert parks <= totals["parks"], (parks, totals["parks"])


def main():
    words = [word for word in sys.argv[1:] if word != "--dropped"]
    trace = load(words[0])
    rows = rows_of(trace)
    for events in rows.values():
        check_row(events)
    dropped = trace["otherData"]["dropped_events"]
    assert (dropped > 0) == ("--dropped" in sys.argv), f"{dropped} events were dropped"
    if len(words) > 1:
        compare(rows, load(words[1]))
    count = sum(map(len, rows.values()))
    print(f"{len(rows)} rows, {count} events, {dropped} dropped")


main()
