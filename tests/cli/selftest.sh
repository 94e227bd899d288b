# `zvm selftest`: all checks pass; each of them can fail, shown by loosening what it checks behind its back;
# and the table of docs/limits.md is what a run measures. Attacks take seconds of all processors each, so the quick
# form has a few of them, and a few faults; with ZVM_TEST_LONG=1 (tools/test --long) it is all of it. Where times and the
# memory of the process are not judged (sanitizers and builds for tests) they cannot fail, and are left out here.
. "$(dirname "$0")/lib.bash"

# A line of stdout matches the extended regular expression.
expect_out_like() {
    checks=$((checks + 1))
    grep -qE -- "$1" "$work/out" || fail "expected on stdout a line like: $1"
}

# The check named so fails for what is planted, says what it expected, and nothing else fails.
expect_found() { # CHECK FAULT REGEX
    zvm selftest --only "$1" --plant "$2"
    expect_status 5
    expect_out_like "^FAIL $1 .*expected.*$3"
    expect_out_like "^1 failed$"
}

zvm selftest
expect_status 0
expect_err ""
[ "$(grep -c '^PASS ' "$work/out")" = 7 ] || fail "expected 7 lines that pass"
expect_out_like '^all passed$'
zvm selftest --json --only limits
expect_status 0
expect_out_like '^\{"check":"limits","passed":true,'

expect_found language language "output"
expect_found compiled compiled "64 of 64"
expect_found collection collection "(collections|more allocated)"
expect_found limits limits "fuel, used 200000"
expect_found interning interning "none for the same keys"
expect_found workers workers "1000 right"
expect_found reports reports "11 isolates"

# Where each allocation collects no attack comes to its end in time.
zvm selftest --only collection
if grep -qE '[0-9]{5,} collections' "$work/out"; then
    finish
fi

# Sanitizers make each attack many times longer: some of them only.
zvm selftest --only endless-loop --json
expect_status 0
is_judged=$(grep -c '"wait":{[^}]*"judged":true' "$work/out")
is_long=${ZVM_TEST_LONG:-0}
if [ "$is_long" = 0 ]; then
    for name in doubling-string intern-flood; do
        zvm selftest --only $name
        expect_status 0
    done
elif [ "$is_judged" != 0 ]; then
    zvm selftest --hostile --json
    expect_status 0
    expect_err ""
    cp "$work/out" "$work/run.json"
    python3 tests/cli/check_selftest.py "$work/run.json" docs/limits.md >"$work/out" 2>&1 ||
        fail "the run, or docs/limits.md"
else
    for name in doubling-string intern-flood output-flood endless-finally collector-thrash deep-message \
        sender-queue; do
        zvm selftest --only $name
        expect_status 0
    done
fi

expect_found growing-list heap "heap at most 262,144 B"
expect_found doubling-string honest "honest: 100 of 100"
if [ "$is_long" != 0 ]; then
    expect_found output-flood output "output at most 100,001 B"
    expect_found intern-flood symbols "symbols at most 1,000"
    expect_found deep-recursion calls "calls at most 1,000"
    expect_found endless-loop ending "end: the program used up its fuel"
fi
if [ "$is_judged" != 0 ] && [ "$is_long" != 0 ]; then
    expect_found spawn-bomb heap "heap at most 1,048,576 B"
    expect_found spawn-bomb fuel "fuel at most 200,000"
    expect_found spawn-bomb isolates "isolates at most 32"
    expect_found endless-loop fuel "fuel at most 500,000"
    expect_found endless-loop memory "process at most"
    expect_found endless-finally time "time at most"
    expect_found error-storm cpu "CPU time at most 25.0 ms"
    expect_found endless-loop wait "wait at most"
    expect_found spawn-tree isolates "isolates at most 32"
    expect_found message-flood messages "messages at most 32"
    expect_found message-flood mailbox "mailbox at most 65,536 B"
    expect_found sender-queue messages "messages at most 32"
    expect_found result-hoard heap "heap at most 1,048,576 B"
    expect_found big-message mailbox "mailbox at most 65,536 B"
fi

# The commands of the page.
if [ "$is_judged" != 0 ] && [ "$is_long" != 0 ]; then
    python3 tests/cli/run_readme.py docs/limits.md "$ZVM" >"$work/out" 2>&1 ||
        fail "docs/limits.md does not tell the truth"
fi

# Every program that --list names can be shown, and is one.
zvm selftest --list
expect_status 0
names=$(sed -n '/^Attacks/,/^Faults/s/^  \([a-z-]*\) .*/\1/p' "$work/out")
[ "$(echo "$names" | wc -l)" -ge 15 ] || fail "expected 15 attacks or more"
for name in honest $names; do
    zvm selftest --show "$name"
    expect_status 0
    cp "$work/out" "$work/$name.zx"
    zvm check "$work/$name.zx"
    expect_status 0
done
# What is given last does not change which checks there are to run; a full disk is told.
zvm selftest --only language --hostile
expect_status 0
expect_out_like '^PASS language '
zvm selftest --plant language --only reports
expect_status 0
last_command="selftest --list >/dev/full"
"$ZVM" selftest --list >/dev/full 2>"$work/err"
status=$?
expect_status 1
expect_err "zvm: standard output could not be written"
zvm run "$work/doubling-string.zx" --heap-limit 256K
expect_status 3
finish
