# The profile of fuel and the trace of workers, as the command writes them.
. "$(dirname "$0")/lib.bash"

shares=$(program shares.zx <<'END'
action heavy(n) {
  let s = 0
  for each i in range(n) { s = (s + i * 7) % 1009 }
  return s
}
action light(n) {
  let s = 0
  for each i in range(n) { s = (s + i * 7) % 1009 }
  return s
}
action work() {
  for each k in range(300) {
    heavy(900)
    light(100)
  }
}
work()
END
)

# share FILE FUNCTION LEAST MOST: what the stacks that end in it have of all fuel, in percent.
share() {
    checks=$((checks + 1))
    awk -v name="$2" -v least="$3" -v most="$4" '
        { all += $NF; n = split($1, calls, ";"); if (calls[n] == name) own += $NF }
        END { part = all ? 100 * own / all : -1
              if (part < least || part > most) { print name ": " part "%"; exit 1 } }
    ' "$1" >"$work/err" || fail "$2 has another share of the fuel"
}

# check_trace WORDS...: of the trace in $work.
check_trace() {
    checks=$((checks + 1))
    python3 tests/cli/check_trace.py "$work/t.json" "$@" >"$work/err" 2>&1 ||
        fail "the trace does not hold"
}

# One function in ten rounds: a tenth of the fuel. On one isolate and on many, with any workers.
zvm run "$shares" --profile "$work/p.folded" --profile-every 256
expect_status 0
expect_err ""
share "$work/p.folded" heavy 86 93
share "$work/p.folded" light 7 13
zvm run "$shares" -n 40 -w 3 --profile "$work/p.folded"
expect_status 0
share "$work/p.folded" heavy 84 94
share "$work/p.folded" light 6 14
checks=$((checks + 1))
[ "$(head -1 "$work/p.folded" | cut -d' ' -f1)" = "<main>;work;heavy" ] ||
    fail "the largest stack is not first: $(head -1 "$work/p.folded")"
checks=$((checks + 1))
[ "$(ls "$work"/p.folded*)" = "$work/p.folded" ] || fail "temporary files are left"

# It is the same for the same seed, and the run is the same with it and without.
zvm run "$shares" -n 5 --seed 7 --profile "$work/a.folded" --profile-every 64 --report json --report-file "$work/a"
zvm run "$shares" -n 5 --seed 7 --profile "$work/b.folded" --profile-every 64 --report json --report-file "$work/b"
zvm run "$shares" -n 5 --seed 7 --report json --report-file "$work/c"
checks=$((checks + 2))
cmp -s "$work/a.folded" "$work/b.folded" || fail "two runs with one seed differ"
cmp -s "$work/a" "$work/c" || fail "the report is another one with a profile"

# The trace agrees with the report.
garbage=$(program garbage.zx <<'END'
let kept = []
for each i in range(2000) {
  kept.push([i])
  if i % 200 == 0 { kept = [] }
}
print(kept.len())
END
)
for words in "-n 1 -w 1" "-n 10 -w 2" "-n 5 --seed 3"; do
    # shellcheck disable=SC2086
    zvm run "$garbage" $words --gc-threshold 300 --trace "$work/t.json" --report json --report-file "$work/r.json"
    expect_status 0
    expect_out 199
    check_trace "$work/r.json"
done
checks=$((checks + 1))
grep -q '"cat":"collection"' "$work/t.json" || fail "there is no collection in the trace"

# Collections in slices, and minor ones.
for mode in incremental generational; do
    zvm run "$garbage" -n 2 -w 1 --gc-mode $mode --gc-threshold 300 --trace "$work/t.json" --report json --report-file "$work/r.json"
    check_trace "$work/r.json"
done

# Cut: by a ring that is too short, a limit, a signal.
zvm run "$garbage" -n 10 -w 2 --slice 1000 --trace "$work/t.json" --trace-events 7
expect_status 0
check_trace --dropped
zvm run examples/spin.zx --fuel 3000000 --trace "$work/t.json" --profile "$work/p.folded" --report json --report-file "$work/r.json"
expect_status 4
check_trace "$work/r.json"
checks=$((checks + 1))
[ -s "$work/p.folded" ] || fail "a program that a limit has ended has no profile"
rm -f "$work/t.json" "$work/p.folded"
last_command="run examples/spin.zx (stopped by SIGINT)"
"$ZVM" run examples/spin.zx -n 20 -w 2 --report json --report-file "$work/r.json" --trace "$work/t.json" \
    --trace-events 100000 --profile "$work/p.folded" >"$work/out" 2>"$work/err" </dev/null &
process=$!
for _ in $(seq 2000); do # until it takes signals, and runs
    ticks=$(cat "/proc/$process/task/"*/stat 2>/dev/null |
        awk '/\(zvm-worker-/ { sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }')
    [ "${ticks:-0}" -gt 0 ] && break
    sleep 0.02
done
kill -INT $process
wait $process
status=$?
expect_status 130
checks=$((checks + 2))
python3 tests/cli/check_trace.py "$work/t.json" >"$work/err" 2>&1 ||
    python3 tests/cli/check_trace.py "$work/t.json" --dropped >"$work/err" 2>&1 || fail "the trace does not hold"
[ -s "$work/p.folded" ] || fail "a run that a signal has stopped has no profile"

# An uncaught error is told as ever.
bad=$(program bad.zx <<'END'
for each i in range(50000) { i + 1 }
nothing()
END
)
zvm run "$bad" --profile "$work/p.folded" --trace "$work/t.json"
expect_status 1
expect_err_like "NameError: 'nothing' is not defined"
check_trace

# Refusals.
zvm run "$shares" --profile-every 100
expect_refusal 2 "^zvm: --profile-every: there is no profile to write"
zvm run "$shares" --trace-events 100
expect_refusal 2 "^zvm: --trace-events: there is no trace to write"
zvm run "$shares" --profile x --profile-every 63
expect_refusal 2 "^zvm: --profile-every: '63' is not a whole number from 64 to"
zvm run "$shares" --trace x --trace-events 0
expect_refusal 2 "^zvm: --trace-events: '0' is not a whole number from 1 to 16,777,216$"
zvm run "$shares" --trace x --trace-events 16777217
expect_refusal 2 "^zvm: --trace-events: '16777217' is not a whole number"
zvm run "$shares" --profile ""
expect_refusal 2 "^zvm: --profile: the name is empty"
zvm run "$shares" --trace "$work/nowhere/t"
expect_refusal 2 "^zvm: --trace: .*/nowhere/t: cannot write: No such file"
zvm run "$shares" --trace /dev/full
expect_status 1
expect_err_like "^zvm: /dev/full: cannot write: No space left on device$"
finish
