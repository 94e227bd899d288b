# What goes to stdout, and what happens when it cannot.
. "$(dirname "$0")/lib.bash"

file=$(program lines.zx <<'END'
let id = isolate_id()
// Later isolates are quicker, so that they end out of order.
let i = 0
while i < (id % 7 == 0 ? 3000 : 1) { i += 1 }
print("${id} begins")
print("${id} ends")
END
)
zvm run "$file" -n 500
expect_status 0
expect_out $'0 begins\n0 ends'
zvm run "$file" -n 500 --output none
expect_status 0
expect_out ""
seq 0 4999 | awk '{ print $1 " begins"; print $1 " ends" }' >"$work/expected"
for workers in 1 2 5; do
    zvm run "$file" -n 5000 -w $workers --output all --slice 500
    expect_status 0
    checks=$((checks + 1))
    cmp -s "$work/out" "$work/expected" || fail "--output all is not whole and in order"
done

# What failing isolates printed before is printed, too.
fails=$(program fails.zx <<'END'
print(isolate_id())
if isolate_id() == 2 { throw "two" }
print(isolate_id())
END
)
zvm run "$fails" -n 4 --output all
expect_status 1
expect_out $'0\n0\n1\n1\n2\n3\n3'
expect_err_like "1 of 4 isolates failed"

# Much output of one isolate, in pieces and in one.
big=$(program big.zx <<'END'
print("0123456789abcde" * 70000)
for each i in range(20000) { print(i) }
END
)
"$ZVM" run "$big" | { wc -c; } >"$work/out"
{ python3 -c 'print("0123456789abcde" * 70000)'; seq 0 19999; } | wc -c >"$work/expected"
checks=$((checks + 1))
last_command="run big.zx"
cmp -s "$work/out" "$work/expected" || fail "output through a pipe is cut"

endless=$(program endless.zx <<'END'
let i = 0
while true { print(i); i += 1 }
END
)
once=$(program once.zx <<'END'
print("once")
let i = 0
while true { i += 1 }
END
)

# unwritable REASON COMMAND-LINE...: stdout as the caller set it up.
unwritable() {
    local reason=$1
    shift
    last_command=$*
    timeout 120 "$ZVM" "$@" 2>"$work/err" </dev/null
    status=$?
    : >"$work/out"
    expect_status 1
    expect_err "zvm: standard output: cannot write: $reason"
}
for words in "run examples/hello.zx" "run $file -n 2000 --output all" "run $endless" "run $once" \
    "version" "run --help" "dis examples/bank.zx"; do
    # shellcheck disable=SC2086
    unwritable "No space left on device" $words >/dev/full
    # shellcheck disable=SC2086
    unwritable "Bad file descriptor" $words >&-
done
# Nothing printed, nothing lost.
zvm_closed() { "$ZVM" "$@" 2>"$work/err" >&- </dev/null; }
last_command="run hello.zx --output none >&-"
zvm_closed run examples/hello.zx --output none
status=$?
expect_status 0
last_command="run hello.zx with all three closed"
"$ZVM" run examples/hello.zx <&- >&- 2>&-
status=$?
expect_status 1

# Output that must wait for its turn is bounded: isolate 0 prints nothing and goes on, 1 has no end.
waits=$(program waits.zx <<'END'
let i = 0
while isolate_id() == 0 && i < 300000000 { i += 1 }
while true { print("0123456789" * 1000) }
END
)
last_command="run waits.zx -n 2 -w 2 --output all --fuel 100000000 >/dev/null"
"$ZVM" run "$waits" -n 2 -w 2 --output all --fuel 100000000 2>"$work/err" >/dev/null
status=$?
expect_status 4
expect_err_like "out of fuel after 100,000,000 \(isolate 0\)"
expect_err_like "2 of 2 isolates failed \(shown: isolate 0\): 1 out of fuel, 1 too much output"

# A reader that goes away.
for words in "run $endless" "run $file -n 100000 --output all"; do
    last_command="$words | head -1"
    # shellcheck disable=SC2086
    timeout 120 "$ZVM" $words 2>"$work/err" | head -1 >"$work/out"
    status=${PIPESTATUS[0]}
    expect_status 1
    expect_err "zvm: standard output: cannot write: Broken pipe"
done

# Text appears while the program runs, also in a pipe.
last_command="run once.zx | read"
exec 3< <(exec timeout 120 "$ZVM" run "$once" 2>/dev/null)
reader=$!
checks=$((checks + 1))
read -r -t 100 line <&3 || line="nothing"
[ "$line" = once ] || fail "a line is held back while the program runs"
kill "$reader" 2>/dev/null
exec 3<&-
finish
