# A run with --seed is the same again, byte by byte, in a process of its own each time: output, errors, collections and
# report, with errors, limits and sleeping in play. Another seed is another run.
# REPLAYS=N in the environment: so many runs (25).
. "$(dirname "$0")/lib.bash"

many=$(program many.zx <<'END'
let kind = isolate_id() % 8
let kept = []
if kind == 0 { for each i in range(3000) { kept.push("key-" + string(i)) } }
if kind == 1 { while true { kept.push([kept.len()]) } }
if kind == 2 { while true { } }
if kind == 3 { for each i in range(20) { sleep(i) } }
if kind == 4 { throw {code: isolate_id()} }
if kind == 5 { let m = {}
  for each i in range(500) { m["k${i % 90}"] = [i, m["k${i % 7}"]] }
  kept = m.keys() }
if kind == 6 { sleep(100000) }
if kind == 7 { for each i in range(300) { try { [][i] } catch (e) { kept.push(e) } } }
print(isolate_id(), kind, kept.len())
END
)
run_with() {
    zvm run "$many" -n 64 --output all --heap-limit 300K --fuel 2000000 --timeout 50s --report json --seed "$1"
    cat "$work/out" "$work/err" >"$work/seen"
}

run_with 7
expect_status 3
expect_err_like "HeapLimitError"
expect_err_like "out of fuel"
expect_err_like "out of time"
expect_err_like '"worker_count": 1,'
cp "$work/seen" "$work/first"
for ((i = 1; i < ${REPLAYS:-25}; i++)); do
    run_with 7
    checks=$((checks + 1))
    cmp -s "$work/first" "$work/seen" || fail "run $i is another one"
done
# An hour of sleep is no time at all.
sleeper=$(program sleeper.zx <<'END'
for each i in range(60) { sleep(60000) }
print("slept")
END
)
zvm run "$sleeper" --seed 1
expect_status 0
expect_out "slept"

run_with 8
checks=$((checks + 1))
cmp -s "$work/first" "$work/seen" && fail "seeds 7 and 8 give the same run"

finish
