# Each limit ends a program with its own exit status and one line; try and catch do not hold it up.
. "$(dirname "$0")/lib.bash"

spin=examples/spin.zx
zvm run $spin --fuel 1000000
expect_status 4
expect_out ""
expect_err "zvm: $spin: out of fuel after 1,000,000; raise --fuel if the program needs more"
zvm run $spin --timeout 50ms
expect_status 124
expect_err "zvm: $spin: not finished after 50ms; raise --timeout if it needs longer"

# More isolates than workers, all endless: each gets its slices and its end.
zvm run $spin -n 50 -w 2 --fuel 100000
expect_status 4
expect_err_lines 2
expect_err_like "out of fuel after 100,000 \(isolate 0\)"
expect_err_like "50 of 50 isolates failed \(shown: isolate 0\): 50 out of fuel"
zvm run $spin -n 50 -w 2 --timeout 100ms
expect_status 124
expect_err_like "50 of 50 isolates failed .*: 50 out of time"

heap=$(program heap.zx <<'END'
let kept = []
while true { kept.push([kept.len()]) }
END
)
zvm run "$heap" --heap-limit 200K
expect_status 3
expect_err_like "^$heap:2:[0-9]+: HeapLimitError: heap limit of 204800 bytes reached: [0-9]+ live, [0-9]+ requested$"
expect_err_like "^hint: .*--heap-limit \(now 200K\)$"
# What a program lets go in the catch is free again, though the failed call still had it in hand.
dropped=$(program dropped.zx <<'END'
let items = []
try {
    while true { items.push("text " + string(items.len())) }
} catch (e) { items = [] }
let names = {}
for each i in range(200) { names["own-${i}"] = i }
print(names.len())
END
)
for limit in 250K 255K 256K 257K 300K; do
    zvm run "$dropped" --heap-limit $limit
    expect_status 0
    expect_out "200"
done
caught=$(program caught.zx <<'END'
let kept = []
try {
    while true { kept.push([kept.len()]) }
} catch (e) {
    kept = null
    print(e.kind)
}
END
)
zvm run "$caught" --heap-limit 200K
expect_status 0
expect_out HeapLimitError
string=$(program string.zx <<'END'
let s = "0123456789"
while true { s = s + s }
END
)
zvm run "$string" --heap-limit 1M
expect_status 3

deep=$(program deep.zx <<'END'
action dive(n) { return 1 + dive(n + 1) }
dive(0)
END
)
zvm run "$deep"
expect_status 1
expect_err_like "^$deep:1:29: StackOverflowError: call depth exceeded$"
expect_err_like "^hint: .*--max-depth \(now 10000\)$"
zvm run "$deep" --max-depth 20
expect_status 1
expect_err_like "now 20\)"
level=$(program level.zx <<'END'
action dive(n) { if n == 0 { return 0 } return 1 + dive(n - 1) }
print(dive(9000))
END
)
zvm run "$level"
expect_out 9000

# Fuel is a function of the program: the same amount suffices again and again, one less does not.
counting=$(program counting.zx <<'END'
let i = 0
while i < 1000 { i += 1 }
print(i)
END
)
enough() { "$ZVM" run "$counting" --fuel "$1" >/dev/null 2>&1; }
least=1
most=1000000
while [ $least -lt $most ]; do
    middle=$(((least + most) / 2))
    if enough $middle; then most=$middle; else least=$((middle + 1)); fi
done
for repeat in 1 2 3; do
    zvm run "$counting" --fuel $least -w $repeat --slice $((repeat * 100))
    expect_status 0
    zvm run "$counting" --fuel $((least - 1)) -w $repeat --slice $((repeat * 100))
    expect_status 4
done

# Collecting at every allocation changes nothing but the time.
zvm run examples/bank.zx
cp "$work/out" "$work/bank"
zvm run examples/bank.zx --gc-threshold 1
expect_status 0
cmp -s "$work/out" "$work/bank" || fail "--gc-threshold 1 changes the output"

# Keys: an error that can be caught, of the isolate that asked, for its own limit and the table's.
keys=$(program keys.zx <<'END'
let kept = {}
let n = int(args[0])
for each i in range(n) { kept["key ${i + 1000}"] = i }
print("kept ${kept.len()}")
END
)
zvm run "$keys" --intern-limit 100 -- 100
expect_status 0
expect_out "kept 100"
zvm run "$keys" --intern-limit 100 -- 101
expect_status 1
expect_err_like "^$keys:3:[0-9]+: InternLimitError: intern limit of 100 symbols reached: 100 held, 1 requested$"
expect_err_like "^hint: .*--intern-limit \(now 100\)$"
zvm run "$keys" --intern-limit-bytes 1K -- 100
expect_status 1
expect_err_like "InternLimitError: intern limit of 1024 bytes reached: [0-9]+ held, [0-9]+ requested$"
expect_err_like "^hint: .*--intern-limit-bytes \(now 1K\)$"
zvm run "$keys" --intern-table 1000 -- 5000
expect_status 1
expect_err_like "InternLimitError: the table of shared strings is full: 1000 of at most 1000 symbols, "
expect_err_like "^hint: .*--intern-table or --intern-table-bytes$"
zvm run "$keys" --intern-table-bytes 128K -- 50000
expect_status 1
expect_err_like "InternLimitError: the table of shared strings is full: .* of at most 131072 bytes$"
zvm run "$keys" --intern-table 10 -- 1
expect_status 2
expect_err_lines 1
expect_err_like "^zvm: --intern-table: "
zvm run "$keys" --intern-limit 0 -- 1
expect_status 2
expect_err "zvm: --intern-limit: '0' is not a whole number from 1 to 4,294,967,295"
zvm run "$keys" --intern-limit-bytes 5G -- 1
expect_status 2
expect_err_lines 1

caught_keys=$(program caught_keys.zx <<'END'
let kept = {}
try {
    for each i in range(1000) { kept["key ${i}"] = i }
} catch (e) { print("${e.kind} at ${kept.len()}") }
kept = {}
for each i in range(50) { kept["other ${i}"] = i }
print("then ${kept.len()}")
END
)
zvm run "$caught_keys" --intern-limit 50
expect_status 0
expect_out "InternLimitError at 50
then 50"

# CPU time and output.
zvm run $spin --cpu-time 30ms
expect_status 1
expect_err "zvm: $spin: out of CPU time after 30ms; raise --cpu-time if the program needs more"
zvm run $spin -n 20 -w 2 --cpu-time 5ms --report json
expect_status 1
expect_err_like "20 of 20 isolates failed .*: 20 out of CPU time"
expect_err_like '"failed_cpu_time": 20'
printing=$(program printing.zx <<'END'
for each i in range(10) { print("123456789") }
END
)
zvm run "$printing" --output-limit 100
expect_status 0
zvm run "$printing" --output-limit 99
expect_status 1
[ "$(wc -c <"$work/out")" = 90 ] || fail "not what fits under the limit is printed"
expect_err "zvm: $printing: more output than 99; raise --output-limit if it may print more"
zvm run "$printing" -n 5 --output-limit 20
expect_err_like "5 of 5 isolates failed .*: 5 over the output limit"
zvm run "$printing" --output-limit 0
expect_status 2
zvm run "$printing" --cpu-time 5
expect_status 2
expect_err_like "^zvm: --cpu-time: '5' is not a duration"

finish
