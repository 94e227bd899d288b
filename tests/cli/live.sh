# Reports of a run that goes on: every so often and when somebody asks, each of them whole.
. "$(dirname "$0")/lib.bash"

spin=examples/spin.zx
schema=docs/zvm-report.schema.json
report=$work/report.json

# whole FILE...: each is a report of its own, that adds up.
whole() { python3 tests/report/validate.py $schema "$@" >"$work/whole" 2>&1; }

# await FILE: until it is there.
await() {
    for _ in $(seq 2000); do
        [ -s "$1" ] && return
        sleep 0.02
    done
    fail "$1 does not come"
}

# await_signals PROCESS: until it has blocked SIGUSR1, to take it when it likes.
await_signals() {
    local blocked name
    for _ in $(seq 2000); do
        read -r name 2>/dev/null <"/proc/$1/comm" || return 0 # it has ended
        blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
        [ "$name" = zvm ] && [ $((16#${blocked:-0} & 512)) != 0 ] && return 0
        sleep 0.02
    done
    fail "it does not take signals"
}

# start WORDS...: in the background, as $process.
start() {
    last_command="$*"
    "$ZVM" "$@" >"$work/out" 2>"$work/err" </dev/null &
    process=$!
    await_signals "$process"
}

stop() {
    kill -INT "$process"
    wait "$process"
    status=$?
    expect_status 130
}

# Whoever reads the file at whatever moment reads a whole report.
start run $spin -n 3000 -w 2 --report-every 20ms --report json --top 5 --report-file "$report"
await "$report"
first=$(stat -c %i "$report")
for i in $(seq 15); do
    cp "$report" "$work/copy$i.json"
done
checks=$((checks + 1))
whole "$work"/copy*.json || fail "a copy is no whole report: $(tail -1 "$work/whole")"
for _ in $(seq 500); do
    [ "$(stat -c %i "$report")" != "$first" ] && break
    sleep 0.02
done
checks=$((checks + 1))
[ "$(stat -c %i "$report")" != "$first" ] || fail "the report is never written anew"
checks=$((checks + 1))
python3 - "$report" <<'END' >"$work/err" 2>&1 || fail "the live report does not list what is in flight"
import json, sys
report = json.load(open(sys.argv[1]))
totals, top = report["totals"], report["top"]
assert totals["isolates_in_flight"] > 0, totals["isolates_in_flight"]
assert top["isolates_seen"] >= 5, top["isolates_seen"]
for order, key in (("by_heap", "heap_bytes"), ("by_fuel", "fuel_used"), ("by_age", "age_ns")):
    values = [row[key] for row in top[order]]
    assert len(values) == 5 and values == sorted(values, reverse=True), (order, values)
assert any(worker["age_ns"] > 0 for worker in report["workers"])
END
stop
checks=$((checks + 1))
whole "$report" || fail "the last report is not whole"
checks=$((checks + 1))
[ "$(ls "$work"/report.json* | wc -l)" = 1 ] || fail "other files are left"

# To standard error, one behind the other, and one at the end.
zvm run $spin -n 20 -w 2 --timeout 900ms --report-every 100ms
expect_status 124
checks=$((checks + 1))
[ "$(grep -c '^zvm .* report: 2 workers' "$work/err")" -ge 3 ] || fail "expected several reports on stderr"
expect_err_like '^20 in flight; figures at most'
expect_err_like '^0 in flight; figures at most'

# SIGUSR1 asks for one: without any option as text on standard error.
start run $spin -n 2000 -w 2 --top 3
for _ in $(seq 1000); do # the first ones may come before the first isolates
    kill -USR1 "$process"
    grep -q 'Isolates by memory, 3 of ' "$work/err" && break
    sleep 0.05
done
stop
expect_err_like '^[0-9,]+ in flight; figures at most'
expect_err_like '^Isolates by memory, 3 of '
start run $spin -n 200 -w 2
kill -USR1 "$process"
for _ in $(seq 1000); do
    grep -q '^  total ' "$work/err" && break
    sleep 0.02
done
stop
expect_err_like '^  total '
# With a file there: as it says, and the program goes on.
rm -f "$report"
start run $spin -n 200 -w 2 --report json --report-file "$report"
checks=$((checks + 1))
[ ! -e "$report" ] || fail "a report that nobody asked for"
kill -USR1 "$process"
await "$report"
checks=$((checks + 1))
whole "$report" || fail "the report asked for is not whole"
checks=$((checks + 1))
kill -0 "$process" 2>/dev/null || fail "the run ended by the asking"
stop

# Before anything runs it is remembered; many at once are as one, and harm nothing.
start run $spin -n 100 --timeout 700ms
for _ in $(seq 50); do kill -USR1 "$process" 2>/dev/null; done
wait "$process"
status=$?
expect_status 124
expect_err_like '^zvm .* report: '

# A reader of the reports that does not read does not keep it from being stopped.
last_command="run spin.zx --report-every 5ms 2> PIPE (stopped by TERM)"
mkfifo "$work/pipe"
sleep 600 <"$work/pipe" &
sleeper=$!
"$ZVM" run $spin -n 2000 -w 2 --report json --top 500 --report-every 5ms >"$work/out" 2>"$work/pipe" </dev/null &
process=$!
await_signals "$process"
sleep 0.3
kill -TERM "$process"
sleep 0.1
kill -TERM "$process" # the first one may wait for its message to be read
wait "$process"
status=$?
expect_status 143
kill "$sleeper"
wait "$sleeper" 2>/dev/null

# What cannot be.
zvm run $spin --report none --report-every 1s
expect_refusal 2 "^zvm: --report-every: there is no report to write with '--report none'"
zvm run $spin --report none --top 3
expect_refusal 2 "^zvm: --top: there is no report to write with '--report none'"
zvm run $spin --report prom --top 3
expect_refusal 2 "^zvm: --top: '--report prom' has no rows for isolates; choose text or json"
zvm run $spin --report-every 1
expect_refusal 2 "^zvm: --report-every: '1' is not a duration"
zvm run $spin --report-every 10us
expect_refusal 2 "^zvm: --report-every: '10us' is too short; the least is 1ms"
zvm run $spin --top 0
expect_refusal 2 "^zvm: --top: '0' is not a whole number from 1 to 10,000"
zvm run $spin --top 10001
expect_refusal 2 "^zvm: --top: '10001' is not a whole number from 1 to 10,000"

# A place that stops taking reports is told once, and the program still ends as it would.
mkdir "$work/gone"
start run $spin -n 4 -w 2 --timeout 1s --report-every 50ms --report json --report-file "$work/gone/r.json"
await "$work/gone/r.json"
until rm -rf "$work/gone" 2>/dev/null; do :; done # reports are still put there
wait "$process"
status=$?
expect_status 124
checks=$((checks + 1))
[ "$(grep -c 'gone/r.json: cannot write' "$work/err")" -le 2 ] || fail "each failed report is told"
finish
