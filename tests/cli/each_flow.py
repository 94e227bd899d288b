#!/usr/bin/env python3
"""Drives `zvm each` as other programs do. Usage: each_flow.py ZVM [--kills N] [--seed N] [--memory MIB]

Answers while the input is open; answers before a row that never ends; kills (SIGKILL, SIGINT, SIGTERM) at random
moments and --resume, against an uninterrupted run; a file that may not grow; rows that are too long for memory; the
memory of a long input. --memory: of how many MiB of rows (64; a GiB takes half a minute).
"""
import argparse
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE_S = 120 # what is awaited comes in milliseconds, or never

SPIN = """action main(row) {
  if row == "spin" { while true { } }
  if row == "throw" { throw error("no", "PickyError") }
  return [row]
}
"""
WORK = """action main(row) {
  let sum = 0
  let i = 0
  while i < row.n % 50 { sum += i; i += 1 }
  if row.n % 97 == 3 { throw error("row " + string(row.n), "Odd") }
  return {"n": row.n, "sum": sum, "text": row.text.upper()}
}
"""


started = [] # what is left of it when a check fails ends with us


def start(zvm, words):
    process = subprocess.Popen([zvm, "each", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    started.append(process)
    return process


def read_line(process):
    """The next line of its output, waited for; fails when none comes."""
    line = b""
    end = time.monotonic() + PATIENCE_S
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
        assert ready, f"nothing came, but for {line!r}"
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, f"the output ended behind {line!r}"
        line += byte
    return line


def check_one_at_a_time(zvm, folder, workers):
    """A line, its result, the next line: within milliseconds, and not at the next tick of a clock."""
    process = start(zvm, [f"{folder}/spin.zx", "-w", workers])
    read = []
    for number in range(100):
        before = time.monotonic()
        process.stdin.write(b"%d\n" % number)
        process.stdin.flush()
        assert read_line(process) == b"[%d]\n" % number
        read.append(time.monotonic() - before)
    process.stdin.write(b'"throw"\n')
    process.stdin.flush()
    assert b'"kind":"PickyError"' in read_line(process)
    process.stdin.close()
    assert process.stdout.read() == b""
    assert process.wait() == 1
    median = sorted(read)[len(read) // 2]
    assert median < 0.05, f"an answer takes {median * 1000:.1f} ms"


def check_before_a_slow_row(zvm, folder, workers):
    """The results of the rows before one that never ends, which came in the same reading, and of an earlier block."""
    rows = b"".join(b"%d\n" % number for number in range(20000)) + b'"spin"\n1\n'
    process = start(zvm, [f"{folder}/spin.zx", "-w", workers])
    # The input stays open behind them.
    writer = threading.Thread(target=process.stdin.write, args=(rows,), daemon=True)
    writer.start()
    for number in range(20000):
        assert read_line(process) == b"[%d]\n" % number
    process.send_signal(signal.SIGINT)
    assert process.wait() == 128 + signal.SIGINT
    assert process.stdout.read() == b""
    writer.join()
    assert b"stopped by SIGINT" in process.stderr.read()


def check_behind_a_slow_row(zvm, folder):
    rows = b'1\n"spin"\n2\n"spin"\n3\n'
    process = start(zvm, [f"{folder}/spin.zx", "--timeout", "100ms"])
    out, _ = process.communicate(rows)
    lines = out.splitlines()
    assert [lines[0], lines[2], lines[4]] == [b"[1]", b"[2]", b"[3]"], lines
    assert b"Timeout" in lines[1] and b"Timeout" in lines[3]
    assert process.returncode == 124


def write_rows(path, count, width=40):
    random.seed(3)
    with open(path, "w", encoding="utf-8") as rows:
        for number in range(count):
            if number % 211 == 5:
                rows.write('{"n": broken\n')
                continue
            text = "".join(random.choice("abcäß €") for _ in range(width))
            rows.write(f'{{"n":{number},"text":"{text}"}}\n')


def check_kills(zvm, folder, kills, rows):
    """Killed at random moments, however often: in the end the same bytes, and at each moment a beginning of them, of
    whole lines after a signal that can be answered."""
    write_rows(f"{folder}/rows", rows)
    whole = f"{folder}/whole"
    words = [f"{folder}/work.zx", "--in", f"{folder}/rows", "-w", "2"]
    before = time.monotonic()
    status = subprocess.run([zvm, "each", *words, "--out", whole], stderr=subprocess.DEVNULL, check=False).returncode
    takes = time.monotonic() - before
    assert status == 1
    with open(whole, "rb") as file:
        wanted = file.read()
    count, finished = 0, 0
    while count < kills:
        part = f"{folder}/part{finished}"
        done = False
        while not done:
            process = start(zvm, [*words, "--out", part, "--resume"])
            number = random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
            time.sleep(random.uniform(0, takes / 3))
            process.send_signal(number)
            _, err = process.communicate()
            done = process.returncode in (0, 1)
            count += not done
            if done:
                continue
            assert process.returncode in (-number, 128 + number), (process.returncode, err)
            got = open(part, "rb").read() if os.path.exists(part) else b""
            assert wanted.startswith(got)
            assert number == signal.SIGKILL or got == b"" or got.endswith(b"\n"), "half a line after a signal"
        with open(part, "rb") as file:
            assert file.read() == wanted
        os.remove(part)
        finished += 1
    return count, finished


def check_full_disk(zvm, folder):
    """A file that may not grow any more, at places all over it: one line, status 1, and the run can be gone on with."""
    with open(f"{folder}/whole", "rb") as file:
        wanted = file.read()
    part = f"{folder}/part"
    words = [zvm, "each", f"{folder}/work.zx", "--in", f"{folder}/rows", "--out", part, "-w", "2"]
    for share in (0, 0.3, 0.7):
        limit = int(len(wanted) * share)

        def lower():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        if os.path.exists(part):
            os.remove(part)
        done = subprocess.run(words, stderr=subprocess.PIPE, preexec_fn=lower, check=False)
        assert done.returncode == 1, done
        complaints = [line for line in done.stderr.splitlines() if b"cannot write" in line]
        assert complaints == [f"zvm: {part}: cannot write: File too large".encode()], done.stderr
        with open(part, "rb") as file:
            assert wanted.startswith(file.read())
        subprocess.run([*words, "--resume"], stderr=subprocess.DEVNULL, check=False)
        with open(part, "rb") as file:
            assert file.read() == wanted
    os.remove(part)


def peak_kib(zvm, words, chunks):
    """The most memory of a run over these pieces of input, and its output."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(read, 0)
        os.close(write)
        out = os.open(os.devnull, os.O_WRONLY)
        os.dup2(os.open(words[-1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(out, 2)
        os.execv(zvm, [zvm, "each", *words[:-1]])
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as pipe:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[pipe.write(view):]
    _, _, usage = os.wait4(child, 0)
    return usage.ru_maxrss


def check_long_rows(zvm, folder):
    """A row of 200 MiB with a limit of 64 KiB is a record in its place and takes no memory, nor does one without an
    end; and one that fits the limit but not the heap is a record, too."""
    out = f"{folder}/out"
    words = [f"{folder}/spin.zx", "--line-limit", "64K", out]
    few = peak_kib(zvm, words, [b"1\n2\n"])
    piece = b"x" * (1 << 20)
    many = peak_kib(zvm, words, [b'1\n"', *[piece] * 200, b'"\n2\n', *[piece] * 200])
    with open(out, "rb") as file:
        lines = file.read().splitlines()
    assert [lines[0], lines[2]] == [b"[1]", b"[2]"] and len(lines) == 4, lines
    assert b'"LineTooLong"' in lines[1] and b'"LineTooLong"' in lines[3]
    assert many < few + 4096, f"400 MiB of two rows take {many} KiB, two small ones {few}"
    words = [f"{folder}/spin.zx", "--heap-limit", "1M", out]
    peak_kib(zvm, words, [b'1\n"', *[piece] * 8, b'"\n[', b"1," * 400000, b"1]\n2\n"])
    with open(out, "rb") as file:
        lines = file.read().splitlines()
    assert [lines[0], lines[3]] == [b"[1]", b"[2]"] and len(lines) == 4, lines
    assert all(b'"HeapLimitError"' in line for line in lines[1:3])


def check_memory(zvm, folder, mebibytes):
    """The memory of many rows is that of few."""
    words = [f"{folder}/spin.zx", "-w", "2", f"{folder}/out"]
    line = b'{"id":123,"name":"some name","list":[1,2.5,"x"],"map":{"a":1,"b":[]}}\n'
    piece = line * ((1 << 20) // len(line))
    few, many = peak_kib(zvm, words, [piece] * 4), peak_kib(zvm, words, [piece] * mebibytes)
    assert many < few + few // 4 + 2048, f"{mebibytes} MiB of rows take {many} KiB, 4 MiB take {few}"
    return few, many


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zvm")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--memory", type=int, default=64)
    parser.add_argument("--rows", type=int, default=60000)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    random.seed(options.seed)
    # A sanitizer keeps what is freed.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("spin.zx", SPIN), ("work.zx", WORK)):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        for workers in "1", "3":
            check_one_at_a_time(options.zvm, folder, workers)
            check_before_a_slow_row(options.zvm, folder, workers)
        check_behind_a_slow_row(options.zvm, folder)
        random.seed(options.seed)
        kills, files = check_kills(options.zvm, folder, options.kills, options.rows)
        check_full_disk(options.zvm, folder)
        check_long_rows(options.zvm, folder)
        few, many = check_memory(options.zvm, folder, options.memory)
    print(f"{kills} kills on the way to {files} files; {options.memory} MiB of rows in {many} KiB, 4 MiB in {few}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for one in started:
            one.kill()
