# tools/gdb_zvm.py: what it shows of a live process, of its core, and of memory that makes no sense.
. "$(dirname "$0")/lib.bash"

command -v gdb >/dev/null || { echo "SKIP: gdb is missing"; exit 0; }
gdb -batch -ex 'python print(1 + 1)' 2>/dev/null | grep -qx 2 || { echo "SKIP: gdb has no Python"; exit 0; }
grep -qE '^ZVM_SANITIZE:[A-Z]+=.' "${BUILD:-.}/CMakeCache.txt" 2>/dev/null &&
    { echo "SKIP: sanitizers and debuggers do not go together"; exit 0; }

gdb -nx -batch -ex 'print zapi_debug_runtimes' "$ZVM" 2>/dev/null | grep -q '^\$1 = {' ||
    { echo "SKIP: this build has no information for debuggers"; exit 0; }

program=$(program g.zx <<'END'
data Point { x, y = [0] }
let table = {"one": 1, 2: "two", "deep": [1, 2.5, null, true, [[[[]]]]]}
let numbers = range(30)
let p = Point(3, [4, "five"])
let text = "é" * 3 + "long " * 600
let made = []; let me = self()
for each i in range(20000) { made.push([i, "${i}"]) }
table["itself"] = table
try { nothing() } catch (e) { made = e }
action inner(n) {
  print("here", n, text.len())
  return n
}
action outer(n) {
  let r = inner(n + 1)
  return r
}
print([1, 2].map((k) => outer(k)))
END
)

# in_gdb FILE [WORDS...]: runs gdb with the commands of stdin before what WORDS say.
in_gdb() {
    {
        printf '%s\n' 'set pagination off' 'set confirm off' 'set debuginfod enabled off' \
            'set style enabled off' 'set width 0' 'source tools/gdb_zvm.py'
        cat
    } >"$work/commands"
    last_command="(gdb $*)"
    timeout 250 gdb -nx -batch -x "$work/commands" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    checks=$((checks + 1))
    grep -qE 'Python Exception|Traceback|Error while executing Python' "$work/out" "$work/err" &&
        fail "an error of Python"
}

# expect_line REGEX: some line of stdout is like it as a whole.
expect_line() {
    checks=$((checks + 1))
    grep -qxE -- "$1" "$work/out" || fail "expected a line like: $1"
}

# What holds of the process and of its core.
expect_all() {
    local file=${program//./\\.}
    expect_line 'worker +thread +isolate +id +where'
    expect_line " +0 +[0-9?]+ +0x[0-9a-f]+ +0 +inner \($file:11:3\)"
    expect_line '0x[0-9a-f]+ +0 +1 +running +[0-9]+ +[0-9]+ +[0-9]+ +0'
    expect_line '1 isolates'
    expect_line 'isolate 0 \(running\), 5 calls'
    expect_line "#0 +inner \($file:11:3\)"
    expect_line "#1 +outer \($file:15:11\)"
    expect_line "#2 +anonymous \($file:18:25\)"
    expect_line '#3 +map \(builtin\)'
    expect_line "#4 +<main> \($file:18:14\)"
    expect_line 'table = map\(4\) \{"one": 1, 2: "two", "deep": list\(5\) \[1, 2\.5, null, true, list\(1\) \[list\(1\) \[\.\.\.\]\]\], "itself": <itself>\}'
    expect_line 'numbers = list\(30\) \[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\]'
    expect_line 'p = Point\(x=3, y=list\(2\) \[4, "five"\]\)'
    expect_line 'text = "éééé?long long .*\.\.\."'
    expect_line 'me = <isolate 1>'
    expect_line "made = NameError: 'nothing' is not defined \(line 9\)"
    expect_line "inner = function inner \($file:1[01]:[0-9]+\)"
    expect_line 'Point = data Point'
    expect_line '[0-9]+ collections(, one under way)?; [0-9]+ objects made, [0-9]+ freed'
    # The classes and the reserve are all spans.
    checks=$((checks + 1))
    awk '/^spans +[0-9]+$/ { wanted = $2 } /^ *([0-9]+|reserve) +[0-9]+ +[0-9]+( +[0-9]+)?$/ { sum += $3 }
         END { if (sum == 0 || sum != wanted) { print sum, "of", wanted; exit 1 } }' "$work/out" >"$work/err" ||
        fail "the spans by class are not all spans"
}

# A live process, in a builtin. The sums are those that the library makes itself.
in_gdb --args "$ZVM" run "$program" -w 2 <<END
break ztext_print
run
zvm workers
zvm isolates
zvm bt
zvm globals
zvm heap
printf "of library: %lu %lu\n", zheap_live_bytes(&iso->heap), (unsigned long)zisolate_fuel_used(iso)
thread 1
zvm bt 0
zvm bt 0 2
zvm bt 99
zvm bt 0x10
zvm heap nonsense
zvm isolates 0
help zvm bt
generate-core-file $work/core
kill
END
if grep -qiE 'ptrace: Operation not permitted|Could not trace the inferior' "$work/out" "$work/err"; then
    echo "SKIP: no process may be traced here"
    exit 0
fi
expect_all
checks=$((checks + 1))
awk '/^0x[0-9a-f]+ +0 +1 +running/ { fuel = $5; live = $7 }
     /^of library:/ { exit !(live == $3 && fuel == $4) }' "$work/out" || fail "its sums are not the library's"
expect_line '\(3 calls not shown\)'
expect_line 'zvm: there is no isolate with the id 99'
expect_line 'zvm: there is no isolate at 0x10'
expect_line 'zvm: No symbol "nonsense" in current context\.'
expect_line '1 isolates, 1 not shown'

# Its core says the same.
in_gdb "$ZVM" "$work/core" <<END
zvm workers
zvm isolates
zvm bt 0
zvm globals 0
zvm heap 0
END
expect_all

# Isolates that talk: what waits for whom. All of them wait, but the first.
talk=$(program talk.zx <<'END'
action hear() { return receive() }
action shout(to, n) { for each i in range(n) { send(to, i) } }
action watch(who) { monitor(who); return receive(1000000) }
action stay(who) { return await who }
let me = self()
let shouting = spawn shout(me, 5)
let hearing = spawn hear()
let watching = spawn watch(hearing)
let staying = spawn stay(hearing)
sleep(200)
print(args)
END
)
in_gdb --args "$ZVM" run "$talk" -w 1 --mailbox 3 -- one two <<END
break ztext_print
run
zvm isolates
zvm mailbox
zvm mailbox <2>
zvm mailbox <3>
zvm bt <4>
zvm mailbox <4>
zvm mailbox <5>
zvm mailbox 0x10
zvm bt <99>
zvm globals
kill
END
expect_line 'isolate +id +value +state +fuel used +committed +live +messages'
expect_line '0x[0-9a-f]+ +0 +1 +running +[0-9]+ +[0-9]+ +[0-9]+ +3'
expect_line '0x[0-9a-f]+ +0 +5 +waiting +[0-9]+ +[0-9]+ +[0-9]+ +0'
expect_line '5 isolates'
expect_line 'isolate 0 \(running\), <isolate 1>: 3 of 3 messages, [0-9]+ of 1048576 bytes'
expect_line '1 wait for room'
expect_line 'waits: for room in the mailbox of <isolate 1>'
expect_line 'isolate 0 \(waiting\), <isolate 3>: 0 of 3 messages, 0 of 1048576 bytes'
expect_line 'waits: for a message'
expect_line '1 wait for its end'
expect_line '1 watch it'
expect_line 'waits: for a message, or until a time'
expect_line 'waits: for the end of <isolate 3>'
expect_line "#1 +watch \(${talk//./\\.}:3:[0-9]+\)"
expect_line 'zvm: there is no isolate <99>'
expect_line 'hearing = <isolate 3>'
expect_line 'args = list\(2\) \["one", "two"\]'

# In the middle of the interpreter's loop: the place is in registers, or it is that of the last call.
spin=$(program spin.zx <<'END'
action spin(n) {
  let i = 0
  while n > 0 {
    i = i + 1
  }
}
spin(1)
END
)
in_gdb --args "$ZVM" run "$spin" -n 3 -w 2 --slice 1000000 <<END
break zworker_main
run
delete
python
import threading, time, os, signal
def stop():
    time.sleep(1)
    os.kill(gdb_process, signal.SIGTRAP)
gdb_process = gdb.selected_inferior().pid
threading.Thread(target=stop, daemon=True).start()
end
continue
zvm isolates
zvm workers
zvm bt 0
zvm bt 1
kill
END
expect_line '3 isolates'
expect_line "#0 +spin \(${spin//./\\.}:[345]:[0-9]+\)"
expect_line "#1 +<main> \(${spin//./\\.}:7:1\)"
expect_line "isolate 1 \((running|queued)\), 2 calls(, as of .*)?"

# With bytes changed at random.
in_gdb --args "$ZVM" run "$program" -w 1 <<END
break ztext_print
run
source tests/cli/gdb_torn.py
zvm bt
kill
END
expect_line 'torn: [0-9]+ rounds, slowest under 20 seconds'
expect_line 'isolate 0 \(running\), 5 calls'

# A program without zvm, and zvm before it runs.
in_gdb "$ZVM" <<END
zvm isolates
zvm workers
zvm bt
END
expect_line '0 isolates'
expect_line 'zvm: 0 isolates run, .*'
in_gdb /bin/true <<END
zvm isolates
END
expect_line 'zvm: there is no zvm in this program, or no information for debuggers'
finish
