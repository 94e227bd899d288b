#!/usr/bin/env python3
"""Compares what `zvm each` reads and writes with Python's json. Usage: each_json.py ZVM [--count N] [--seed N]

Rows are values written in many ways, values whose text was damaged, and tokens in any order. What Python refuses, in its
strict form and without NaN and Infinity, must be a record of the kind InvalidJson; else the result must be the value:
integers of 64 bits as integers, larger ones as the nearest float, floats to the last bit, texts, the order of keys, and of
several entries with one key the last in the place of the first. Where the two differ on purpose (docs/each.md):
nesting beyond 512, halves of surrogate pairs and numbers beyond the floats, which Python lets pass.
"""
import argparse
import json
import math
import random
import struct
import subprocess
import sys
import tempfile
import time

DEPTH_MAX = 512
TOKENS = ["{", "}", "[", "]", ",", ":", '"', '"a"', '"key":', "null", "true", "false", "nul", "True", "0", "-0", "-", "01", "1.", ".5",
          "1e5", "1E+05", "1e", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", " ", "\t", "\r", "9223372036854775807", "-9223372036854775809",
          "1" * 400, '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83d\\u0041"', '"\\x"', '"\\u12"', "'a'", "/**/",
          "\ufeff", "\u00a0", "\u2028", '"\u2028"', '"\x7f"', '"\x1f"', "0x10", "1_000", "+1", "--1"]
DAMAGE = b'{}[],:"\\0123456789.eE+-ntrufalse \t\r\x00\x1f\x80\xbf\xc0\xc3\xe2\xed\xa0\xf0\xf4\x90\xff'


def a_number():
    kind = random.randrange(8)
    if kind == 0: return random.randrange(-2**63, 2**63)
    if kind == 1: return random.choice([2**63 - 1, -2**63, 2**63, -2**63 - 1, 2**64, 2**53 + 1, 10**30 + 1])
    if kind == 2: return random.randrange(-100, 100)
    if kind == 3: return struct.unpack("<d", struct.pack("<Q", random.getrandbits(64)))[0]
    if kind == 4: return round(random.uniform(0, 1000), random.randrange(6))
    if kind == 5: return random.uniform(-1e15, 1e15)
    if kind == 6: return math.ldexp(random.random(), random.randrange(-1074, 1024))
    return random.choice([0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1e22, 1e23])


def a_text():
    return "".join(random.choice('abZ09 "\\/\b\f\n\r\t\x00\x1f\x7fäß\u07ff\u0800\uffff€\U00010000\U0010ffff😀') for _ in range(random.randrange(20)))


def a_value(depth=0):
    kind = random.randrange(8 if depth < 6 else 5)
    if kind == 0: return random.choice([None, True, False])
    if kind in (1, 2):
        number = a_number()
        return number if math.isfinite(number) else 0
    if kind in (3, 4): return a_text()
    if kind in (5, 6): return [a_value(depth + 1) for _ in range(random.randrange(6))]
    return {random.choice(["a", "key", a_text()]): a_value(depth + 1) for _ in range(random.randrange(14))}


def written(value):
    """A text of it, one of many."""
    text = json.dumps(value, ensure_ascii=random.random() < 0.5, separators=random.choice([(",", ":"), (", ", ": "), (" ,\t", "\r: ")]))
    return random.choice(["", " "]) + text + random.choice(["", "\r", " \t"])


def a_number_as_text():
    """Digits as nobody would print them."""
    digits = "".join(random.choice("0123456789") for _ in range(random.randrange(1, 40)))
    text = random.choice(["", "-"]) + (digits.lstrip("0") or "0")
    if random.random() < 0.6: text += "." + "".join(random.choice("0123456789") for _ in range(random.randrange(1, 40)))
    if random.random() < 0.5: text += random.choice("eE") + random.choice(["", "+", "-"]) + str(random.randrange(400))
    return text


def a_row():
    kind = random.randrange(6)
    if kind in (0, 1): return written(a_value()).encode()
    if kind == 2: return "".join(random.choice(TOKENS) for _ in range(random.randrange(1, 12))).encode()
    if kind == 3: return ("[" + ",".join(a_number_as_text() for _ in range(random.randrange(1, 5))) + "]").encode()
    if kind == 4 and random.random() < 0.02:
        depth = random.randrange(505, 520)
        return b'{"a":' * depth + b"1" + b"}" * depth if random.random() < 0.5 else b"[" * depth + b"]" * depth
    row = bytearray(written(a_value(3)).encode())
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(row) + 1)
        row[place:place + random.randrange(3)] = bytes(random.choice(DAMAGE) for _ in range(random.randrange(3)))
    return bytes(row)


def depth_of(value):
    deepest, open_values = 0, [(value, 1)]
    while open_values:
        one, depth = open_values.pop()
        if not isinstance(one, (list, dict)): continue
        deepest = max(deepest, depth)
        open_values += [(part, depth + 1) for part in (one.values() if isinstance(one, dict) else one)]
    return deepest


def no_constant(name):
    raise ValueError(name)


def an_integer(text):
    value = int(text)
    return value if -2**63 <= value < 2**63 else a_float(text)


def a_float(text):
    value = float(text)
    if not math.isfinite(value): raise ValueError("beyond the floats")
    return value


def read(row):
    """What the row says; ValueError: it is no JSON, or beyond the limits."""
    value = json.loads(row.decode("utf-8"), parse_constant=no_constant, parse_int=an_integer, parse_float=a_float)
    if depth_of(value) > DEPTH_MAX: raise ValueError("nested deeper")
    json.dumps(value, ensure_ascii=False).encode("utf-8") # no half of a surrogate pair
    return value


def same(one, other):
    if type(one) is not type(other): return False
    if isinstance(one, float): return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, list): return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict): return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return one == other


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zvm")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    random.seed(options.seed)
    sys.setrecursionlimit(10000)
    rows = [row for row in (a_row() for _ in range(options.count)) if b"\n" not in row]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/same.zx", "w", encoding="utf-8") as file:
            file.write('let known = ["a", "key"]\naction main(row) { return row }\n')
        done = subprocess.run([options.zvm, "each", f"{folder}/same.zx", "-w", "2"], input=b"\n".join(rows) + b"\n", capture_output=True,
                              check=False)
    results = done.stdout.split(b"\n")
    assert results.pop() == b"" and len(results) == len(rows), (len(results), len(rows), done.stderr)
    refused = 0
    for row, result in zip(rows, results):
        got = json.loads(result)
        try:
            wanted = read(row)
        except ValueError: # of JSON, or of UTF-8
            refused += 1
            assert isinstance(got, dict) and "error" in got and got["error"]["kind"] == "InvalidJson", (row, result)
            assert 1 <= got["error"]["column"] <= len(row) + 1, (row, result)
            continue
        assert same(got, wanted), (row, result)
    assert min(refused, len(rows) - refused) > options.count // 5, refused
    print(f"{len(rows)} rows, {refused} of them refused by both")


if __name__ == "__main__":
    sys.exit(main())
