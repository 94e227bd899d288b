// cli/selftest_attacks.c - the attacks of `zvm selftest --hostile`: a row and a program each.
//
// Owns: constants. Thread: any.
// How: a row says what the attacker may have and how it must end. To add one, add a row; its program can
// call spawn_copy(), which starts the same program once more in the group of the caller, as a host would
// that offers that. isolate_id() is a number by which launches differ. Programs tell by born() that an isolate
// exists, and by in_box() what is in a mailbox (cli/selftest_told.h).
#include "cli/selftest.h"

#include <string.h>

#define KIB 1024u
#define MS  1000000u

// What every attacker may have, unless its row says otherwise.
#define USUAL .heap_bytes = 256 * KIB, .depth = 1000
// What attackers that spawn and talk may have.
#define TALKING                                                                            \
    .heap_bytes = 64 * KIB, .depth = 1000, .isolates = 16, .group_heap_bytes = 1024 * KIB, \
    .spawns = true, .mailbox_count = 32, .mailbox_bytes = 64 * KIB

static const struct cli_attack attacks[] = {
    {
        .name = "spawn-bomb",
        .about = "isolates that start isolates that start isolates",
        .program = "while true {\n"
                   "    try { spawn_copy() } catch (refused) { }\n"
                   "}\n",
        .status = ZVM_E_GROUP_LIMIT,
        .heap_bytes = 64 * KIB,
        .depth = 1000,
        .isolates = 32,
        .group_heap_bytes = 1024 * KIB,
        .group_fuel = 200000,
    },
    {
        .name = "doubling-string",
        .about = "a string that doubles",
        .program = "let s = \"${isolate_id() % 10}\"\n"
                   "while true { s = s + s }\n",
        .status = ZVM_E_HEAP_LIMIT,
        .kind = "HeapLimitError",
        USUAL,
    },
    {
        .name = "growing-list",
        .about = "objects kept in a list until memory is out",
        .program = "let kept = []\n"
                   "while true { kept.push([kept.len(), \"text\", { key: kept.len() }]) }\n",
        .status = ZVM_E_HEAP_LIMIT,
        .kind = "HeapLimitError",
        USUAL,
    },
    {
        .name = "deep-recursion",
        .about = "a function that calls itself without end, through a builtin, too",
        .program = "function deeper(n) {\n"
                   "    return n % 2 == 0 ? deeper(n + 1) + 1 : [n].map(x => deeper(x + 1))[0]\n"
                   "}\n"
                   "deeper(0)\n",
        .status = ZVM_E_ERROR,
        .kind = "StackOverflowError",
        .heap_bytes = 1024 * KIB,
        .depth = 1000,
    },
    {
        .name = "deep-data",
        .about = "lists in lists in lists, printed, compared, used as keys",
        .program = "let a = []\n"
                   "let b = []\n"
                   "while true {\n"
                   "    for each i in range(100) {\n"
                   "        a = [a]\n"
                   "        b = [b]\n"
                   "    }\n"
                   "    print(a)\n"
                   "    try { a == b } catch (e) { if e.kind != \"LimitError\" { throw e } }\n"
                   "    try { let m = {}\n"
                   "        m[a] = b } catch (e) { if e.kind != \"TypeError\" { throw e } }\n"
                   "}\n",
        .status = ZVM_E_HEAP_LIMIT,
        .kind = "HeapLimitError",
        USUAL,
    },
    {
        .name = "endless-loop",
        .about = "a loop without end and without a call",
        .program = "while true { }\n",
        .status = ZVM_E_FUEL,
        .fuel = 500000,
        USUAL,
    },
    {
        .name = "endless-finally",
        .about = "a finally that never ends, around a catch that never ends",
        .program =
            "function stuck() {\n"
            "    try { throw \"x\" } catch (e) { while true { } } finally { while true { } }\n"
            "}\n"
            "try { stuck() } finally { while true { } }\n",
        .status = ZVM_E_TIMEOUT,
        .timeout_ns = 30 * MS,
        USUAL,
    },
    {
        .name = "error-storm",
        .about = "errors thrown and caught without end",
        .program = "let n = 0\n"
                   "while true {\n"
                   "    try { if n % 2 == 0 { throw \"storm ${n}\" } else { n.none() } }\n"
                   "    catch (e) { n += 1 }\n"
                   "}\n",
        .status = ZVM_E_CPU_TIME,
        .cpu_ns = 5 * MS,
        USUAL,
    },
    {
        .name = "intern-flood",
        .about = "ever new keys for the table that all isolates share",
        .program = "let kept = {}\n"
                   "let n = 0\n"
                   "while true {\n"
                   "    kept[\"flood ${isolate_id()} ${n}\"] = n\n"
                   "    n += 1\n"
                   "}\n",
        .status = ZVM_E_ERROR,
        .kind = "InternLimitError",
        .symbols = 1000,
        USUAL,
    },
    {
        .name = "output-flood",
        .about = "output without end, in lines of many lengths",
        .program = "let line = \"\"\n"
                   "while true {\n"
                   "    print(line)\n"
                   "    line = len(line) < 500 ? line + \"flood \" : \"\"\n"
                   "}\n",
        .status = ZVM_E_OUTPUT_LIMIT,
        .output_bytes = 100001, // no multiple of anything
        USUAL,
    },
    {
        .name = "sort-hog",
        .about = "sorting without end",
        .program = "let numbers = []\n"
                   "for each i in range(2000) { numbers.push(i * 7919 % 2003) }\n"
                   "while true { sort(numbers) }\n",
        .status = ZVM_E_TIMEOUT,
        .timeout_ns = 30 * MS,
        USUAL,
    },
    {
        .name = "replace-hog",
        .about = "replacing in long strings without end",
        .program = "let text = \"ab\" * 20000\n"
                   "while true { replace(text, \"a\", \"bc\") }\n",
        .status = ZVM_E_TIMEOUT,
        .timeout_ns = 30 * MS,
        USUAL,
    },
    {
        .name = "join-hog",
        .about = "splitting and joining without end",
        .program = "let text = \"a;bc;\" * 300\n"
                   "while true { text.split(\";\").join(\", \") }\n",
        .status = ZVM_E_CPU_TIME,
        .cpu_ns = 5 * MS,
        USUAL,
    },
    {
        .name = "range-hog",
        .about = "long lists made and turned round without end; huge ones asked for",
        .program = "while true {\n"
                   "    range(5000).reverse()\n"
                   "    try { reverse(range(4611686018427387904)) } catch (e) { }\n"
                   "}\n",
        .status = ZVM_E_FUEL,
        .fuel = 500000,
        USUAL,
    },
    {
        .name = "repeat-hog",
        .about = "strings of every size asked for, up to more than there is",
        .program = "let n = 1\n"
                   "while true {\n"
                   "    try { \"ab\" * n } catch (e) { }\n"
                   "    n = n < 4611686018427387904 ? n * 2 : 1\n"
                   "}\n",
        .status = ZVM_E_CPU_TIME,
        .cpu_ns = 5 * MS,
        USUAL,
    },
    {
        .name = "callback-hog",
        .about = "builtins that call back functions that call builtins that call back",
        .program = "let l = range(40)\n"
                   "while true {\n"
                   "    l.map(x => l.filter(y => y > x).len())\n"
                   "    sort(l, (a, b) => reduce([a, b, 1], (x, y) => y))\n"
                   "}\n",
        .status = ZVM_E_FUEL,
        .fuel = 500000,
        USUAL,
    },
    {
        .name = "collector-thrash",
        .about =
            "memory kept full, so that nearly every allocation collects and frees next to nothing",
        .program = "let kept = []\n"
                   "try { while true { kept.push([1, 2, 3]) } }\n"
                   "catch (e) { for each i in range(400) { kept.pop() } }\n"
                   "while true { kept[0] = [1, 2, 3] }\n",
        .status = ZVM_E_CPU_TIME,
        .cpu_ns = 5 * MS,
        USUAL,
    },
    {
        .name = "limit-hog",
        .about = "memory used up, the error caught, and again",
        .program = "let kept = []\n"
                   "while true {\n"
                   "    try { while true { kept.push(\"text ${kept.len()}\") } }\n"
                   "    catch (e) {\n"
                   "        kept = null\n"
                   "        kept = []\n"
                   "    }\n"
                   "}\n",
        .status = ZVM_E_TIMEOUT,
        .timeout_ns = 30 * MS,
        USUAL,
    },
    {
        .name = "spawn-tree",
        .about = "isolates that spawn two each, without end",
        .program = "action bomb() {\n"
                   "    born()\n"
                   "    for each i in range(2) { try { spawn bomb() } catch (refused) { } }\n"
                   "}\n"
                   "while true { try { spawn bomb() } catch (refused) { } }\n",
        .status = ZVM_E_GROUP_LIMIT,
        .heap_bytes = 64 * KIB,
        .depth = 1000,
        .isolates = 32,
        .group_heap_bytes = 1024 * KIB,
        .group_fuel = 200000,
        .spawns = true,
    },
    {
        .name = "message-flood",
        .about = "messages without end to isolates that never read",
        .program = "action look_away(from) { await from }\n"
                   "let few = spawn look_away(self())\n"
                   "let many = spawn look_away(self())\n"
                   "let text = \"m\" * 4000\n"
                   "try { while true {\n"
                   "    send(few, text, 0)\n"
                   "    in_box(0, 1, 4000)\n"
                   "} } catch (full) { }\n"
                   "while true {\n"
                   "    send(many, 1)\n"
                   "    in_box(1, 1, 8)\n"
                   "}\n",
        .status = ZVM_E_TIMEOUT, // of one that waits: who goes on sending would use up the fuel
        .fuel = 500000,
        .timeout_ns = 30 * MS,
        TALKING,
    },
    {
        .name = "sender-queue",
        .about = "senders that stand in line at full mailboxes, and end there",
        .program = "action look_away(from) { await from }\n"
                   "action press(box, size, is_told) {\n"
                   "    let text = \"m\" * size\n"
                   "    while true {\n"
                   "        send(box, text, 5)\n"
                   "        if is_told { in_box(0, 1, size) }\n"
                   "    }\n"
                   "}\n"
                   "let shut = spawn look_away(self())\n"
                   "let n = 0\n"
                   "while true {\n"
                   "    let is_shut = n % 3 != 0\n"
                   "    try { spawn press(is_shut ? shut : self(), n % 5 * 400, is_shut) }\n"
                   "    catch (refused) {\n"
                   "        sleep(1)\n"
                   "        receive(0)\n"
                   "    }\n"
                   "    n += 1\n"
                   "}\n",
        .status = ZVM_E_TIMEOUT,
        .fuel = 500000,
        .timeout_ns = 30 * MS,
        TALKING,
    },
    {
        .name = "deep-message",
        .about = "lists in lists in lists, sent, sent back, given to isolates and returned",
        .program = "action echo(to) { while true { send(to, receive()) } }\n"
                   "action give(a) { return a }\n"
                   "let other = spawn echo(self())\n"
                   "let a = []\n"
                   "while true {\n"
                   "    for each i in range(100) { a = [a] }\n"
                   "    send(other, a)\n"
                   "    a = receive()\n"
                   "    a = await spawn give(a)\n"
                   "}\n",
        .status = ZVM_E_HEAP_LIMIT,
        .kind = "HeapLimitError",
        .heap_bytes = 256 * KIB,
        .depth = 1000,
        .isolates = 3,
        .group_heap_bytes = 2048 * KIB,
        .spawns = true,
        .mailbox_count = 2,
        .mailbox_bytes = 1024 * KIB,
    },
    {
        .name = "big-message",
        .about = "a message that grows until it is larger than a mailbox",
        .program = "let piece = \"b\" * 1000\n"
                   "let text = piece\n"
                   "while true {\n"
                   "    send(self(), text)\n"
                   "    in_box(0, 1, len(text))\n"
                   "    receive()\n"
                   "    in_box(0, -1, -len(text))\n"
                   "    text = text + piece\n"
                   "}\n",
        .status = ZVM_E_ERROR,
        .kind = "MailboxError",
        .heap_bytes = 1024 * KIB,
        .depth = 1000,
        .mailbox_count = 32,
        .mailbox_bytes = 64 * KIB,
    },
    {
        .name = "result-hoard",
        .about = "isolates that are over, kept for their results, and arguments for many that wait",
        .program =
            "action give(text) { return text }\n"
            "let text = \"r\" * 20000\n"
            "let kept = []\n"
            "while true {\n"
            "    try { for each i in range(8) { kept.push(spawn give(text)) } } catch (e) { }\n"
            "    try { await kept[kept.len() - 1] } catch (e) { }\n"
            "}\n",
        .status = ZVM_E_FUEL,
        .fuel = 500000,
        TALKING,
    },
    {
        .name = "monitor-storm",
        .about = "isolates that monitor each other many times, and die",
        .program = "action storm() {\n"
                   "    born()\n"
                   "    let all = receive()\n"
                   "    for each turn in range(20) {\n"
                   "        for each other in all { try { monitor(other) } catch (own) { } }\n"
                   "    }\n"
                   "    throw \"over\"\n"
                   "}\n"
                   "while true {\n"
                   "    let all = []\n"
                   "    try { while true { all.push(spawn storm()) } } catch (refused) { }\n"
                   "    for each one in all { monitor(one) }\n"
                   "    for each one in all { send(one, all) }\n"
                   "    for each one in all { receive() }\n"
                   "}\n",
        .status = ZVM_E_GROUP_LIMIT,
        .group_fuel = 500000,
        TALKING,
    },
};

const struct cli_attack *cli_attacks(uint32_t *count)
{
    *count = sizeof attacks / sizeof attacks[0];
    return attacks;
}

const struct cli_attack *cli_attack_find(const char *name)
{
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        if (strcmp(attacks[i].name, name) == 0) return &attacks[i];
    }
    return NULL;
}
