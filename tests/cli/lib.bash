# What the tests of the command share. Each test is a bash script that is given $ZVM (the command) and
# $BUILD (the build folder), prints what failed, and exits 0 when nothing did.
set -u
: "${ZVM:?set ZVM to the zvm command, for example build/release/zvm}"
ZVM=$(realpath "$ZVM")
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0
failures=0

# Where failures are told: some tests take stdout away.
exec 9>&1

# Says what is wrong, after which command, and what that wrote.
fail() {
    failures=$((failures + 1))
    {
        echo "FAIL: $*"
        echo "  command: zvm ${last_command-}"
        echo "  status:  ${status-}"
        head -c 2000 "$work/out" 2>/dev/null | head -15 | sed 's/^/  stdout: /'
        head -c 2000 "$work/err" 2>/dev/null | head -15 | sed 's/^/  stderr: /'
    } >&9
}

# Runs zvm; then $status, $work/out and $work/err tell what happened.
zvm() {
    last_command=$*
    "$ZVM" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
}

expect_status() {
    checks=$((checks + 1))
    [ "$status" = "$1" ] || fail "expected exit status $1"
}

# The whole of stdout, without the last line end.
expect_out() {
    checks=$((checks + 1))
    [ "$(cat "$work/out")" = "$1" ] || fail "expected on stdout: $1"
}

expect_err() {
    checks=$((checks + 1))
    [ "$(cat "$work/err")" = "$1" ] || fail "expected on stderr: $1"
}

# A line of stderr matches the extended regular expression.
expect_err_like() {
    checks=$((checks + 1))
    grep -qE -- "$1" "$work/err" || fail "expected on stderr a line like: $1"
}

expect_err_lines() {
    checks=$((checks + 1))
    [ "$(wc -l <"$work/err")" = "$1" ] || fail "expected $1 lines on stderr"
}

# Nothing ran: status, exactly one line on stderr that matches, and nothing on stdout.
expect_refusal() {
    expect_status "$1"
    expect_err_lines 1
    expect_err_like "$2"
    expect_out ""
}

# A file in the work folder with the text of stdin; prints its name.
program() {
    cat >"$work/$1"
    echo "$work/$1"
}

# Is the tested command of the build that is installed? Others have other figures.
is_release() {
    grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release$' "${BUILD:-.}/CMakeCache.txt" &&
        ! grep -qE '^ZVM_(TINY|GC_STRESS|POISON|COVERAGE):BOOL=ON|^ZVM_(SANITIZE|DEBUG):[A-Z]+=[^0]' \
            "${BUILD:-.}/CMakeCache.txt"
}

finish() {
    if [ "$failures" = 0 ]; then
        echo "$checks checks"
        exit 0
    fi
    echo "$failures failures in $checks checks"
    exit 1
}
