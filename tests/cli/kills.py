#!/usr/bin/env python3
"""Kills zvm at random moments and looks at the files that it was writing.

Usage: kills.py ZVM [--moments N] [--seed N]

Under the name of a file there must be nothing, the old file, or a whole new one; and under any other
name nothing that is not whole. A command is run to its end once, to learn how long it takes and what
its files are like; then it is killed (SIGKILL) at moments spread over that time and a bit more.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

PROGRAM = """
let kept = []
let m = {}
let i = 0
while i < 20000 { kept.push("item ${i}"); m["key ${i % 3000}"] = [i]; i += 1 }
print(kept.len())
"""
OLD = "what was there before\n"


def is_json(text, wanted):
    """A whole JSON text (or more than one, in place) that has the member."""
    try:
        return wanted in json.loads(text) and text.endswith("\n")
    except ValueError:
        return False


class Scenario:
    """A command, and for each file that it writes a look at whether the file is whole."""

    def __init__(self, words, looks):
        self.words = words
        self.looks = looks
        self.seconds = 0.0
        self.whole = {}

    def start(self, zvm, folder):
        words = [word.replace("@", folder + "/") for word in self.words]
        return subprocess.Popen([zvm, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                stdin=subprocess.DEVNULL)

    def learn(self, zvm, folder):
        """One run to the end, whose files are the measure of those that must be the same each time."""
        start = time.monotonic()
        status = self.start(zvm, folder).wait()
        self.seconds = time.monotonic() - start
        if status != 0:
            sys.exit(f"kills: {self.words} ends with {status}")
        for name in self.looks:
            with open(f"{folder}/{name}", "rb") as file:
                self.whole[name] = file.read()

    def is_whole(self, name, content):
        look = self.looks[name]
        if look is None:
            return content == self.whole[name]
        return is_json(content.decode("utf8", "replace"), look)

    def problem(self, name, content):
        """What is wrong with a file of the folder after a kill; None: nothing."""
        final = next((known for known in self.looks if name.startswith(known)), None)
        if final is None:
            return f"{name}: an unknown file"
        if name == final and content == OLD.encode():
            return None
        if self.is_whole(final, content):
            return None
        return f"{name}: {len(content)} bytes that are not whole"


def scenarios():
    return [
        Scenario(["run", "@p.zx", "-n", "30", "-w", "2", "--report", "json", "--top", "5",
                  "--report-every", "2ms", "--report-file", "@report.json"], {"report.json": "totals"}),
        Scenario(["run", "@p.zx", "--heap-snapshot", "@main.heapsnapshot"],
                 {"main.heapsnapshot": "snapshot"}),
        Scenario(["run", "@p.zx", "--alloc-profile", "@main.folded", "--sample-every", "64"],
                 {"main.folded": None}),
        Scenario(["run", "@p.zx", "-n", "30", "--seed", "1", "--profile", "@run.folded", "--profile-every", "64",
                  "--trace", "@run.json"], {"run.folded": None, "run.json": "traceEvents"}),
        Scenario(["compile", "@big.zx", "-o", "@big.zbc"], {"big.zbc": None}),
    ]


def write_sources(folder):
    with open(f"{folder}/p.zx", "w", encoding="utf8") as file:
        file.write(PROGRAM)
    with open(f"{folder}/big.zx", "w", encoding="utf8") as file:
        file.writelines(f"action f{i}(x) {{ return x * {i} + f{i and i - 1}.x }}\n" for i in range(3000))


def files_of(folder):
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".zx"):
            with open(f"{folder}/{name}", "rb") as file:
                yield name, file.read()


def kill_once(zvm, scenario, folder, chance):
    """Returns problems, and whether the process was still there to be killed."""
    for name, _ in list(files_of(folder)):
        os.unlink(f"{folder}/{name}")
    if chance.random() < 0.5:
        for name in scenario.looks:
            with open(f"{folder}/{name}", "w", encoding="utf8") as file:
                file.write(OLD)
    process = scenario.start(zvm, folder)
    time.sleep(chance.random() * scenario.seconds * 1.1)
    was_there = process.poll() is None
    process.kill()
    process.wait()
    return [problem for name, content in files_of(folder)
            if (problem := scenario.problem(name, content))], was_there


def can_be_nameless(folder):
    """Whether the file system has files without names; otherwise temporary ones may stay."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("zvm")
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    problems, hits = [], 0
    with tempfile.TemporaryDirectory() as folder:
        if not can_be_nameless(folder):
            print("SKIP: the folder for temporary files has no files without names")
            return 0
        write_sources(folder)
        every = scenarios()
        for scenario in every:
            scenario.learn(options.zvm, folder)
        for moment in range(options.moments):
            scenario = every[moment % len(every)]
            found, was_there = kill_once(options.zvm, scenario, folder, chance)
            problems += [f"moment {moment}, {' '.join(scenario.words)}: {text}" for text in found]
            hits += was_there
    for problem in problems:
        print(problem)
    print(f"{options.moments} moments, {hits} of them before the end, seed {options.seed}: "
          f"{len(problems)} problems")
    if hits < options.moments // 3:
        print("too few of them came before the end")
        return 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
