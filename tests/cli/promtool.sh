# What Prometheus' own checker says of a report in its format: nothing. Needs promtool, of Debian's
# package prometheus, in PATH or as build/tools/promtool.
. "$(dirname "$0")/lib.bash"

promtool=$(command -v promtool || true)
[ -n "$promtool" ] || promtool=$(realpath -q build/tools/promtool || true)
if [ ! -x "$promtool" ]; then
    echo "SKIP: there is no promtool on this machine (Debian: package prometheus)"
    exit 0
fi

# check WORDS...: the report of that run.
check() {
    zvm run "$@" --report prom --report-file "$work/report.prom"
    checks=$((checks + 1))
    "$promtool" check metrics <"$work/report.prom" >"$work/err" 2>&1 || fail "promtool finds something"
    expect_err ""
}

check examples/quickstart.zx -n 300 -w 2
check examples/hello.zx
check examples/spin.zx -n 20 -w 3 --timeout 50ms
busy=$(program busy.zx <<'END'
let kept = range(20000).map(x => "number ${x}")
let i = 0
while true { kept[i % 20000] = [i]; i += 1 }
END
)
check "$busy" -n 4 -w 2 --heap-limit 4M --timeout 300ms

# It does find what is wrong.
checks=$((checks + 1))
sed 's/_total{/{/' "$work/report.prom" | "$promtool" check metrics >"$work/err" 2>&1 &&
    fail "promtool finds nothing in counters without _total"
finish
