#!/usr/bin/env python3
"""Programs just below, at and just above each limit of the compiler. Usage: source_limits.py ZVM [NAME]

Below and at the limit `zvm check` finds nothing; above it the first line says which limit was passed,
with line and column. docs/limits.md lists the limits. NAME: only that one.
"""
import re
import subprocess
import sys


def words(count, text, separator=", "):
    return separator.join(text.format(i=i) for i in range(count))


def lines(count, text):
    return "".join(text.format(i=i) + "\n" for i in range(count))


def locals_(count):
    return "action f() {\n" + lines(count, "    let v{i} = {i}") + "}\n"


def parameters(count):
    return f"action f({words(count, 'p{i}')}) {{ return p0 }}\n"


def arguments(count):
    return f"max({words(count, '{i}')})\n"


def printed(count):
    return f"print({words(count, '1')})\n"


def constants(count):  # small integers are none
    return "let a = 0\n" + lines(count, "a = a + {i}.5")


def globals_(count):
    return lines(count, "let g{i} = 1")


def functions(count):  # the main program is one
    return "let f\n" + lines(count - 1, "f = () => 1")


def annotations(count):
    return "action f() {\n" + lines(count, "    let x: int = 1") + "}\n"


def captures(count):
    names = words(count, "v{i}", " + ")
    return "action f() {\n" + lines(count, "    let v{i} = 1") + f"    return () => {names}\n}}\n"


def pattern(count):
    return f"let [{words(count, 'a{i}')}] = []\n"


def parts(count):
    return f"let r = match 1 {{ P({words(count, '_')}) => 1 }}\n"


def fields(count):
    return f"data P {{ {words(count, 'f{i}')} }}\n"


def methods(count):
    return "data P {\n" + lines(count, "method m{i}() {{ }}") + "}\n"


def methods_and_defaults(count):
    return "data P {\nlist = []\n" + lines(count - 1, "method m{i}() {{ }}") + "}\n"


def name(count):
    return f"let {'a' * count} = 1\n"


def depth_of_parentheses(count):
    return "let a = " + "(" * count + "1" + ")" * count + "\n"


def depth_of_blocks(count):
    return "{" * count + "}" * count + "\n"


def length(count):  # a little over one word an element
    return "let a = [" + "0," * count + "0]\n"


TEMPORARIES = (r"a function needs too many variables and temporary values at once \(limit 250\): "
               r"split it")
# name: program of a size, the largest size that is accepted, place and text of the error above it.
LIMITS = {
    "locals": (locals_, 250, "252:9", TEMPORARIES),
    "parameters": (parameters, 250, "1:[0-9]+", TEMPORARIES),
    "arguments": (arguments, 249, "1:[0-9]+", TEMPORARIES),
    "printed": (printed, 250, "1:[0-9]+", TEMPORARIES),
    "constants": (constants, 65536, "65538:7",
                  r"a function has too many constants and names \(limit 65536\): split it"),
    "globals": (globals_, 65535, "65536:5", r"a program has too many globals \(limit 65535\)"),
    "functions": (functions, 65535, "65536:5", r"a program has too many functions \(limit 65535\)"),
    "annotations": (annotations, 65535, "65537:12",
                    r"a function has too many type annotations \(limit 65535\)"),
    "captures": (captures, 200, "203:12",
                 r"a function uses too many outer variables \(limit 200\)"),
    "pattern": (pattern, 127, "1:1", r"a pattern has too many names \(limit 127\)"),
    "parts": (parts, 250, "1:19", r"a pattern has too many parts \(limit 250\)"),
    "fields": (fields, 200, "1:6", r"a data declaration has too many fields \(limit 200\)"),
    "methods": (methods, 200, "1:6", r"a data declaration has too many methods \(limit 200\)"),
    "methods_and_defaults": (methods_and_defaults, 200, "1:6",
                             r"a data declaration has too many methods and defaults \(limit 200\)"),
    "name": (name, 2023, "1:5", r"a name of 2024 bytes is too long \(limit 2023\)"),
    "parentheses": (depth_of_parentheses, 200, "1:209", "nested deeper than 200 levels"),
    "blocks": (depth_of_blocks, 200, "1:201", "nested deeper than 200 levels"),
}

# What has no limit of its own works at any size.
UNLIMITED = {
    "a string of 10 MB": "let s = \"" + "x" * 10_000_000 + "\"\n",
    "an integer of 1 MB": "let a = " + "0" * 1_000_000 + "7\n",
    "a float of 1 MB": "let a = " + "9" * 1_000_000 + ".5\n",
    "the largest integers": "let a = [9223372036854775806, 9223372036854775807]\n"
                            "a = -9223372036854775808\n",
    "a list of 70,000": "let a = [" + words(70000, "1") + "]\n",
    "an interpolation of 70,000 parts": "let a = \"" + "${1}" * 70000 + "\"\n",
    "a chain of 70,000 operators": "let a = 1" + " + 1" * 70000 + "\n",
    "a chain of 70,000 calls": "let f = 1\nlet g = () => f" + "()" * 70000 + "\n",
    "70,000 branches": "let a\nif a { } " + "elif a { } " * 70000 + "\n",
    "70,000 handlers": "let a\n" + "try { a = 1 } catch { }\n" * 70000,
    "a function near the limit of its length": length(4_000_000),
    "a comment of 1 MB": "/*" * 500_000 + "*/" * 500_000 + "\n",
}

# What is beyond every limit is refused in few words, and quickly.
REFUSED = {
    "100,000 locals": (locals_(100_000), f"252:9: error: {TEMPORARIES}"),
    "300 parameters": (parameters(300), f"1:[0-9]+: error: {TEMPORARIES}"),
    "70,000 constants": (constants(70_000), "65538:7: error: a function has too many constants"),
    "a function over the limit of its length": (
        length(4_200_000),
        r"1:[0-9]+: error: a function is too long \(limit 4194304 instruction words\): split it\n"),
    "a name of 1 MB": (name(1_000_000), "1:5: error: a name of 1000000 bytes is too long"),
    "an integer of 1 MB": ("let a = " + "9" * 1_000_000, "1:9: error: integer literal is too large"),
    "an integer over the largest": ("let a = 9223372036854775808",
                                    "1:9: error: integer literal is too large"),
    "a negative integer over the largest": ("let a = -9223372036854775809",
                                            "1:10: error: integer literal is too large"),
    "100,000 parentheses": (depth_of_parentheses(100_000), "1:209: error: nested deeper"),
    "100,000 blocks": (depth_of_blocks(100_000), "1:201: error: nested deeper"),
    "100,000 open brackets": ("let a = " + "[" * 100_000, "1:209: error: nested deeper"),
    "a string of 10 MB that is not closed": ("let a = 'x" + "x" * 10_000_000,
                                             "1:9: error: string is not closed"),
}


def check(zvm, text):
    done = subprocess.run([zvm, "check", "-"], input=text.encode(), capture_output=True, check=False)
    return done.returncode, done.stderr.decode()


def test_limits(zvm, wanted):
    for name_, (make, limit, place, message) in LIMITS.items():
        if wanted not in (None, name_):
            continue
        for size in (limit - 1, limit):
            status, errors = check(zvm, make(size))
            if status != 0:
                yield f"{name_} of {size}: status {status}: {errors[:300]}"
        status, errors = check(zvm, make(limit + 1))
        if status != 2 or not re.match(f"<stdin>:{place}: error: {message}\n", errors):
            yield f"{name_} of {limit + 1}: status {status}: {errors[:300]}"


def test_others(zvm):
    for name_, text in UNLIMITED.items():
        status, errors = check(zvm, text)
        if status != 0:
            yield f"{name_}: status {status}: {errors[:300]}"
    for name_, (text, message) in REFUSED.items():
        status, errors = check(zvm, text)
        if status != 2 or not re.match(f"<stdin>:{message}", errors) or len(errors) > 1000:
            yield f"{name_}: status {status}, {len(errors)} bytes: {errors[:300]}"


def main():
    zvm = sys.argv[1]
    wanted = sys.argv[2] if len(sys.argv) > 2 else None
    failures = list(test_limits(zvm, wanted))
    if wanted is None:
        failures += test_others(zvm)
    for failure in failures:
        print("FAIL:", failure)
    return 1 if failures else 0


sys.exit(main())
