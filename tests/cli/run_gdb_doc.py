#!/usr/bin/env python3
"""Runs the gdb sessions of a document. Usage: run_gdb_doc.py DOCUMENT ZVM

A block marked `gdb` begins with `$ gdb --args build/release/zvm WORDS`; lines that begin with `(gdb) ` are
commands, and the lines after one are what it must print: a line `...` stands for any lines, `...` at the end of
a line for its rest. Addresses and the numbers of threads differ from one run to the next and are not compared.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

from run_readme import FENCE

SETTINGS = ["set pagination off", "set confirm off", "set debuginfod enabled off", "set style enabled off",
            "set width 0"]


def steps_of(block):
    """(words of zvm, [(command, expected lines)])"""
    words, steps = None, []
    for line in block.splitlines():
        if line.startswith("$ "):
            words = re.fullmatch(r"\$ gdb --args build/release/zvm (.*)", line).group(1).split()
        elif line.startswith("(gdb) "):
            steps.append((line[6:], []))
        else:
            steps[-1][1].append(line)
    return words, steps


def anonymous(line):
    """Without addresses, and with single spaces: the width of a column follows from them."""
    return re.sub(r" +", " ", re.sub(r"0x[0-9a-f]+", "ADDRESS", line)).strip()


def matches(expected, actual):
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        elif line.endswith("..."):
            pattern += re.escape(anonymous(line[:-3])) + r".*\n"
        else: # the number of a thread stands in front of the address of its isolate
            pattern += re.sub(r"\d+\\ ADDRESS", r"\\d+\\ ADDRESS", re.escape(anonymous(line))) + r"\n"
    return re.fullmatch(pattern, actual) is not None


def run(block, zvm, folder):
    """Number of commands that printed something else."""
    words, steps = steps_of(block)
    commands = list(SETTINGS)
    for number, (command, _) in enumerate(steps):
        commands += [f"echo @@{number}\\n", command]
    commands += ["echo @@end\\n", "kill"]
    script = folder / "commands.gdb"
    script.write_text("\n".join(commands) + "\n", encoding="utf8")
    result = subprocess.run(["gdb", "-nx", "-batch", "-x", script, "--args", zvm, *words], cwd=folder,
                            capture_output=True, text=True, timeout=120, check=False)
    wrong = 0
    for number, (command, expected) in enumerate(steps):
        following = "end" if number + 1 == len(steps) else number + 1
        found = re.search(rf"^@@{number}\n(.*?)^@@{following}\n", result.stdout, re.M | re.S)
        actual = "" if found is None else "".join(anonymous(l) + "\n" for l in found.group(1).splitlines())
        if found is None or not matches(expected, actual):
            wrong += 1
            print(f"(gdb) {command}\nprinted:\n{actual}\n{result.stderr[-500:]}")
    return wrong


def main():
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf8")
    ran = wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "tools").symlink_to(pathlib.Path("tools").resolve())
        for language, block in FENCE.findall(text):
            if language == "zx":
                (folder / re.match(r"// (\S+\.zx)\n", block).group(1)).write_text(block, encoding="utf8")
            elif language == "gdb":
                ran += 1
                wrong += run(block, sys.argv[2], folder)
    print(f"{ran} sessions of {sys.argv[1]} run, {wrong} commands wrong")
    return 1 if wrong or not ran else 0


sys.exit(main())
