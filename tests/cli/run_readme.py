#!/usr/bin/env python3
"""Runs the commands of a README. Usage: run_readme.py README ZVM     (see readme.sh for the rules)"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(\w+(?: release)?)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]+)")
# What builds, installs or tests is for tests/docs/check_fresh.
NOT_HERE = ("./tools/", "git ", "cmake ", "ctest ", "cc ", "export ")


def commands(block):
    """(command, expected lines) of a console block."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def matches(expected, actual):
    """Are the lines as expected, with '...' standing for any lines, and '…' for any text in a line?"""
    pattern = "".join("(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("…"))) + "\n"
                      for line in expected)
    return re.fullmatch(pattern, actual) is not None


def run_block(block, folder):
    """Number of commands that were run, and of those that printed something else."""
    ran = wrong = 0
    for command, expected in commands(block):
        if command.startswith(NOT_HERE):
            continue
        result = subprocess.run(["bash", "-c", command], cwd=folder, text=True, capture_output=True,
                                timeout=120, check=False)
        ran += 1
        if expected and not matches(expected, result.stdout) or not expected and result.returncode != 0:
            wrong += 1
            print(f"$ {command}\nstatus {result.returncode}, it printed:\n{result.stdout}{result.stderr}")
    return ran, wrong


def broken_links():
    """Relative links of the README and the documents that lead nowhere."""
    for page in [pathlib.Path("README.md"), *pathlib.Path("docs").glob("*.md")]:
        for target in LINK.findall(page.read_text(encoding="utf8")):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{page}: link to {target} leads nowhere"


def main():
    readme = pathlib.Path(sys.argv[1])
    broken = list(broken_links())
    print(*broken, sep="\n")
    folder = pathlib.Path(tempfile.mkdtemp())
    ran = wrong = 0
    try:
        shutil.copytree("examples", folder / "examples")
        (folder / "build/release").mkdir(parents=True)
        os.symlink(sys.argv[2], folder / "build/release/zvm")
        for language, block in FENCE.findall(readme.read_text(encoding="utf8")):
            if language == "zx":
                name = re.match(r"// (\S+\.zx)\n", block).group(1)
                (folder / name).write_text(block, encoding="utf8")
            elif language == "console" or language == "console release" and os.environ.get("ZVM_IS_RELEASE"):
                block_ran, block_wrong = run_block(block, folder)
                ran += block_ran
                wrong += block_wrong
    finally:
        shutil.rmtree(folder)
    print(f"{ran} commands of {readme} run, {wrong} wrong")
    is_of_release = "```console release\n" in readme.read_text(encoding="utf8") # other builds have nothing to run
    return 1 if wrong or broken or not (ran or is_of_release) else 0


if __name__ == "__main__":
    sys.exit(main())
