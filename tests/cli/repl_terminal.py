#!/usr/bin/env python3
"""The prompt on a terminal of its own. Usage: repl_terminal.py ZVM FOLDER

Types, and waits for what must appear; nothing depends on how long that takes.
"""
import os
import pty
import re
import select
import signal
import sys
import time

DEADLINE_SECONDS = 120
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Terminal:
    def __init__(self, zvm, folder):
        environment = dict(os.environ, TERM="xterm", HOME=folder + "/home",
                           XDG_STATE_HOME=folder + "/state", EDITRC="/dev/null")
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(zvm, [zvm, "repl"], environment)

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], 1)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            data = b""
        self.seen += data
        return data != b""

    def text(self):
        return ESCAPES.sub(b"", self.seen).decode("utf-8", "replace")

    def expect(self, pattern):
        """Waits for it behind what was expected last."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not (match := re.search(pattern, self.text())):
            if time.monotonic() > end or not self.read():
                sys.exit(f"expected {pattern!r}, seen {self.text()!r}")
        self.seen = self.text()[match.end():].encode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def finish(self, expected=0):
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != expected:
            sys.exit(f"exit status {code}, expected {expected}; seen {self.text()!r}")


def session(zvm, folder, has_libedit):
    terminal = Terminal(zvm, folder)
    terminal.expect(r"zvm \d")
    terminal.expect("1> ")
    terminal.type("let greeting = 'hello'\n")
    terminal.expect("2> ")
    terminal.type("greeting + ' you'\n")
    terminal.expect(r"\nhello you\r")
    terminal.expect("3> ")
    # An open brace asks for more; Ctrl-C drops what is typed.
    terminal.type("action f() {\n")
    terminal.expect(r"\.\. ")
    terminal.type("\x03")
    terminal.expect("3> ")
    # Ctrl-C stops what runs, and only that.
    terminal.type("let n = 0\n")
    terminal.expect("4> ")
    terminal.type("print('running'); while true { n = n + 1 }\n")
    terminal.expect(r"while true .*\n")
    time.sleep(0.1)  # more likely in the middle of it; right in any case
    terminal.type("\x03")
    terminal.expect("stopped|4> ")
    terminal.type("\n")
    terminal.expect(r"\d> ")
    terminal.type("'still ' + greeting\n")
    terminal.expect(r"\nstill hello\r")
    if has_libedit:
        terminal.expect(r"\d> ")
        terminal.type("gree\t.upp\t()\n")  # the global; upper and uppercase begin alike
        terminal.expect(r"\nHELLO\r")
        terminal.expect(r"\d> ")
        terminal.type("\x1b[A\x1b[A\n")  # two lines back in the history
        terminal.expect(r"\nstill hello\r")
        terminal.expect(r"\d> ")
        terminal.type("'gr\u00fc\u00df'.len()\n")
        terminal.expect(r"\n4\r")
    terminal.expect(r"\d> ")
    terminal.type("\x04")
    terminal.finish()


def history(zvm, folder):
    path = folder + "/state/zvm/history"
    text = open(path, encoding="utf-8").read()
    if "greeting" not in text:
        sys.exit(f"the history holds {text!r}")
    if os.stat(path).st_mode & 0o077:
        sys.exit("others may read the history")
    terminal = Terminal(zvm, folder)
    terminal.expect("1> ")
    terminal.type("\x10")  # Ctrl-P: the last line of the session before
    terminal.expect("len")
    terminal.type("\x03")
    terminal.expect("1> ")
    terminal.type("\x04")
    terminal.finish()


def terminated(zvm, folder):
    terminal = Terminal(zvm, folder)
    terminal.expect("1> ")
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.finish(128 + signal.SIGTERM)


def main():
    zvm, folder = sys.argv[1:]
    os.makedirs(folder + "/home", exist_ok=True)
    first = Terminal(zvm, folder)
    first.expect("1> ")
    first.type("\x04")
    first.finish()
    has_libedit = os.path.exists(folder + "/state/zvm/history")  # only it keeps one
    session(zvm, folder, has_libedit)
    if has_libedit:
        history(zvm, folder)
    terminated(zvm, folder)


main()
