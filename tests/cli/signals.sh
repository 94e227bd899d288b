# Ctrl-C and kill in the middle of a run: it stops, tells so, and still reports. Nothing here would end
# by itself for minutes, and no step depends on how fast the machine is.
. "$(dirname "$0")/lib.bash"

spin=examples/spin.zx
endless=$(program endless.zx <<'END'
let i = 0
while true { print(i); i += 1 }
END
)

# await_signals PROCESS: until it has blocked SIGINT, to take it when it likes.
await_signals() {
    local blocked name
    for _ in $(seq 2000); do
        read -r name 2>/dev/null <"/proc/$1/comm" || return 0 # it has ended
        blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
        [ "$name" = zvm ] && [ $((16#${blocked:-0} & 2)) != 0 ] && return 0
        sleep 0.02
    done
    fail "it does not take signals"
}

# await_run PROCESS: until it has workers, and one of them has used up some time.
await_run() {
    await_signals "$1"
    local ticks
    for _ in $(seq 2000); do
        ticks=$(cat "/proc/$1/task/"*/stat 2>/dev/null |
            awk '/\(zvm-worker-/ { sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }')
        [ "${ticks:-0}" -gt 0 ] && return
        kill -0 "$1" 2>/dev/null || return
        sleep 0.02
    done
    fail "it does not run"
}

# interrupt SIGNAL STATUS WORDS...: starts it, lets it run and stops it.
interrupt() {
    local signal=$1 wanted=$2
    shift 2
    last_command="$* (stopped by $signal)"
    "$ZVM" "$@" >"$work/out" 2>"$work/err" </dev/null &
    local process=$!
    await_run "$process"
    kill "-$signal" "$process"
    wait "$process"
    status=$?
    tail -c 300 "$work/out" >"$work/tail" && mv "$work/tail" "$work/out"
    expect_status "$wanted"
    expect_err_like "stopped by SIG$signal; [0-9,]+ of [0-9,]+ isolates had finished"
}

interrupt INT 130 run $spin
expect_err_lines 1
interrupt TERM 143 run $spin -n 3000 -w 2
expect_err_lines 1
interrupt HUP 129 run $spin -n 100
interrupt INT 130 run examples/nbody.zx -n 1000000 -w 2 --output all
interrupt INT 130 run "$endless"
# Output that was printed before is whole up to its last line.
checks=$((checks + 1))
[ "$(tail -c 1 "$work/out" | od -An -tx1 | tr -d ' ')" = 0a ] || fail "stdout ends inside a line"

interrupt INT 130 run $spin -n 2000 -w 2 --report json --report-file "$work/report.json"
checks=$((checks + 1))
python3 -m json.tool "$work/report.json" >/dev/null || fail "no whole report after the signal"
checks=$((checks + 1))
[ "$(ls "$work"/report.json* | wc -l)" = 1 ] || fail "temporary files are left"
interrupt TERM 143 run $spin -n 20 --report text
expect_err_like "20"

# now: milliseconds since some moment.
now() { date +%s%3N; }

# second: how many milliseconds a second has for one of all that want to run on this machine.
second() {
    awk -v processors="$(nproc)" '{ share = $1 / processors; print int(1000 * (share > 1 ? share : 1)) }' \
        /proc/loadavg
}

# quick SIGNAL STATUS WORDS...: it is over within a second of the signal, with a whole report; the best
# of five counts.
quick() {
    local signal=$1 wanted=$2 best=1000000 took start limit
    limit=$(second)
    shift 2
    for _ in 1 2 3 4 5; do
        last_command="$* (stopped by $signal)"
        rm -f "$work/quick.json"
        "$ZVM" "$@" --report json --report-file "$work/quick.json" >"$work/out" 2>"$work/err" </dev/null &
        local process=$!
        await_run "$process"
        sleep 0.1
        start=$(now)
        kill "-$signal" "$process"
        wait "$process"
        status=$?
        took=$(($(now) - start))
        [ "$took" -lt "$best" ] && best=$took
        [ "$status" = "$wanted" ] && [ "$best" -lt "$limit" ] && break
    done
    expect_status "$wanted"
    checks=$((checks + 1))
    [ "$best" -lt "$limit" ] || fail "it took $best ms, not $limit"
    checks=$((checks + 1))
    grep -q '"schema": "zvm.report/1"' "$work/quick.json" || fail "no whole report after the signal"
}

# In the midst of builtins that take long, and with the queues full.
quick INT 130 run -e 'let l = range(300000).map(x => (x * 7919) % 300007)
while true { let s = sort(l) }'
quick TERM 143 run -e 'let l = range(1000000).map(x => "x")
while true { let s = l.join(",") }'
quick INT 130 run -e 'let l = range(2000000)
while true { l.map(x => x).filter(x => x > 3).reduce((a, b) => a + b, 0) }'
quick TERM 143 run -e 'while true { let s = str(range(1000000)) }'
quick INT 130 run $spin -n 10000 -w 2
checks=$((checks + 1))
python3 - "$work/quick.json" <<'END' || fail "not every isolate was ended"
import json, sys
totals = json.load(open(sys.argv[1]))["totals"]
assert totals["isolates_created"] == totals["isolates_destroyed"] > 1000, totals["isolates_created"]
assert totals["failed_cancelled"] == totals["isolates_created"], totals["failed_cancelled"]
END
quick TERM 143 run $spin -n 10000 -w 2

# A reader that does not read must not hold it up.
last_command="run endless.zx | sleep (stopped by TERM)"
mkfifo "$work/pipe"
sleep 600 <"$work/pipe" &
sleeper=$!
"$ZVM" run "$endless" >"$work/pipe" 2>"$work/err" </dev/null &
process=$!
await_signals "$process"
kill -TERM "$process"
wait "$process"
status=$?
expect_status 143
kill "$sleeper"
wait "$sleeper" 2>/dev/null

# Before anything runs there is nothing to end in order: here it waits for somebody to read its report.
last_command="run hello.zx --report-file PIPE (stopped by INT)"
"$ZVM" run examples/hello.zx --report json --report-file "$work/pipe" >"$work/out" 2>"$work/err" </dev/null &
process=$!
await_signals "$process"
kill -INT "$process"
wait "$process"
status=$?
expect_status 130
expect_out ""

# nohup: SIGHUP stays ignored.
last_command="nohup run spin.zx --timeout 1500ms"
(trap '' HUP && exec "$ZVM" run $spin --timeout 1500ms) >"$work/out" 2>"$work/err" </dev/null &
process=$!
sleep 0.5
kill -HUP "$process"
wait "$process"
status=$?
expect_status 124
finish
