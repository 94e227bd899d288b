"""Sourced in gdb by gdb.sh: the commands of gdb_zvm.py on memory that makes no sense.

Changes bytes of a stopped process at random, asks everything, and puts the bytes back. Whatever comes out,
it must be text, soon, and no error of Python.
"""
import random
import time

import gdb

COMMANDS = ["zvm isolates", "zvm workers", "zvm bt {0:#x}", "zvm globals {0:#x}", "zvm heap {0:#x}", "zvm bt",
            "zvm mailbox {0:#x}", "zvm bt <1>", "print ((struct zisolate *){0:#x})->stack[0]@20"]
ROUNDS = 150


def regions(iso):
    """Addresses and sizes of what is changed."""
    inferior_struct = iso.dereference()
    stack = int(inferior_struct["stack"])
    top = min(int(inferior_struct["stack_end"]) - stack, 640)
    frames = int(inferior_struct["frames"])
    code = int(inferior_struct["code"])
    protos = int(inferior_struct["code"]["protos"])
    lists = [int(inferior_struct["stack"][i]["bits"]) for i in range(12)
             if int(inferior_struct["stack"][i]["tag"]) & 0x80]
    more = int(inferior_struct["heap"]["classes"])
    mailbox = int(inferior_struct["mailbox"])
    return [(int(iso), 640), (mailbox, 200), (stack, top), (frames, 400), (code, 160), (protos, 320),
            (more, 1024)] + [(address, 40) for address in lists]


def ask(address):
    for command in COMMANDS:
        try:
            gdb.execute(command.format(address), to_string=True)
        except gdb.error as error: # gdb's own words about memory that it cannot read are fine
            if "Python" in str(error):
                raise


def main():
    source = random.Random(1)
    iso = gdb.parse_and_eval("iso")
    inferior = gdb.selected_inferior()
    places, worst = regions(iso), 0.0
    for _ in range(ROUNDS):
        start, size = source.choice(places)
        saved = bytes(inferior.read_memory(start, size))
        changed = bytearray(saved)
        for _ in range(source.choice([1, 2, 8, 64])):
            changed[source.randrange(size)] = source.choice([0, 1, 0x7f, 0x80, 0xff, source.randrange(256)])
        inferior.write_memory(start, bytes(changed))
        before = time.monotonic()
        ask(int(iso))
        worst = max(worst, time.monotonic() - before)
        inferior.write_memory(start, saved)
    print(f"torn: {ROUNDS} rounds, slowest {'under' if worst < 20 else 'over'} 20 seconds")


main()
