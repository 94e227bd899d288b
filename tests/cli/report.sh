# Reports: where they go, that they are whole, and that the totals are the sums of their parts.
. "$(dirname "$0")/lib.bash"

zvm run examples/quickstart.zx -n 300 -w 2 --report text
expect_status 0
expect_out 5050
checks=$((checks + 1))
grep -q '300' "$work/err" || fail "the text report does not have the number of isolates"

zvm run examples/quickstart.zx -n 3 --report prom
expect_status 0
expect_err_like '^# TYPE zvm_'

report=$work/report.json
mixed=$(program mixed.zx <<'END'
let id = isolate_id()
if id % 10 == 3 { throw "three" }
if id % 10 == 4 { let l = []; while true { l.push([1, 2, 3]) } }
if id % 10 == 5 { let i = 0; while true { i += 1 } }
let kept = range(id).map(x => "number ${x}")
print(kept.len())
END
)
zvm run "$mixed" -n 500 -w 3 --fuel 3000000 --heap-limit 200K --report json --report-file "$report"
expect_status 1
checks=$((checks + 1))
python3 tests/cli/check_report.py "$report" docs/zvm-report.schema.json \
    isolates_created=500 isolates_destroyed=500 isolates_finished=500 isolates_succeeded=350 \
    failed_error=50 failed_heap_limit=50 failed_fuel=50 worker_count=3 >"$work/err" 2>&1 ||
    fail "the report does not hold"
zvm run examples/spin.zx -n 20 -w 2 --timeout 100ms --report json --report-file "$report"
checks=$((checks + 1))
python3 tests/cli/check_report.py "$report" docs/zvm-report.schema.json \
    isolates_finished=20 failed_timeout=20 worker_count=2 >"$work/err" 2>&1 ||
    fail "the report of the timeouts does not hold"

# The report replaces an older one and leaves nothing else behind.
ls "$work"/report.json* >"$work/out"
checks=$((checks + 1))
[ "$(wc -l <"$work/out")" = 1 ] || fail "temporary files are left"
: >"$work/err"
checks=$((checks + 1))
[ "$(stat -c %a "$report")" = "$(printf %o $((0666 & ~$(umask))))" ] || fail "the mode is not an ordinary file's"
zvm run examples/hello.zx --report-file "$work/plain.txt"
expect_status 0
expect_err ""
checks=$((checks + 1))
[ -s "$work/plain.txt" ] || fail "--report-file alone writes no report"
ln -s plain.txt "$work/link.txt"
zvm run examples/hello.zx --report json --report-file "$work/link.txt"
checks=$((checks + 1))
[ -L "$work/link.txt" ] || fail "a link was replaced"
python3 -m json.tool "$work/plain.txt" >/dev/null || fail "the file behind the link has no report"
zvm run examples/hello.zx --report json --report-file /dev/stdout
expect_status 0
expect_err ""

# Places that cannot be written are found out before anything runs.
mkdir "$work/folder"
zvm run examples/hello.zx --report json --report-file "$work/nowhere/report.json"
expect_refusal 2 "^zvm: --report-file: .*/nowhere/report.json: cannot write: No such file or directory; name a file"
zvm run examples/hello.zx --report json --report-file "$work/folder"
expect_refusal 2 "^zvm: --report-file: .*/folder: cannot write: Is a directory; name a file"
zvm run examples/hello.zx --report json --report-file "$report/report.json"
expect_refusal 2 "cannot write: Not a directory"
zvm run examples/hello.zx --report json --report-file /proc/report.json
expect_refusal 2 "^zvm: --report-file: /proc/report.json: cannot write: "
if [ "$(id -u)" != 0 ]; then
    chmod 444 "$report"
    zvm run examples/hello.zx --report json --report-file "$report"
    expect_refusal 2 "cannot write: Permission denied"
    chmod 555 "$work/folder"
    zvm run examples/hello.zx --report json --report-file "$work/folder/r.json"
    expect_refusal 2 "cannot write: Permission denied"
fi

# A disk that fills up later.
zvm run examples/hello.zx --report json --report-file /dev/full
expect_status 1
expect_out "hello, world"
expect_err "zvm: /dev/full: cannot write: No space left on device"
limited() { (ulimit -f 0 && trap '' XFSZ && exec "$ZVM" "$@"); }
last_command="run hello.zx with ulimit -f 0"
limited run examples/hello.zx --report json --report-file "$work/small.json" 2>&1 >/dev/null | cat >"$work/copy"
status=${PIPESTATUS[0]}
cp "$work/copy" "$work/err"
expect_status 1
expect_err "zvm: $work/small.json: cannot write: File too large"
checks=$((checks + 1))
[ -z "$(ls "$work"/small.json* 2>/dev/null)" ] || fail "a half-written report is left"

# A program that cannot be compiled leaves no report and no temporary file.
bad=$(program bad.zx <<<'let let')
zvm run "$bad" --report json --report-file "$work/bad.json"
expect_status 2
checks=$((checks + 1))
[ -z "$(ls "$work"/bad.json* 2>/dev/null)" ] || fail "a report of nothing is left"
finish
