# zvm each: one line in, one line out, in order, whatever happens to a row; and a run that broke off goes on.
# Method: small programs; random values go through and are compared with Python's; a run is cut at every byte.
. "$(dirname "$0")/lib.bash"

same=$(program same.zx <<'END'
action main(row) { return row }
END
)
picky=$(program picky.zx <<'END'
let calls = 0
action main(row) {
  calls += 1
  if row == "throw" { throw error("no", "PickyError") }
  if row == "spin" { while true { } }
  if row == "hoard" { let l = []
    while true { l.push("x" * 1000) } }
  if row == "deep" { let l = []
    for each i in range(2000) { l = [l] }
    return l }
  if row == "self" { let m = {}
    m["me"] = m
    return m }
  if row == "double" { let l = []
    for each i in range(100) { l = [l, l] }
    return l }
  if row == "nan" { return 0.0 / 1.0 * float("nan") }
  if row == "function" { return [main] }
  return [row, calls]
}
END
)

# each TEXT WORDS...: rows from a text.
each() {
    last_command="each ${*:2}"
    printf '%b' "$1" | "$ZVM" each "${@:2}" >"$work/out" 2>"$work/err"
    status=$?
}

# summary REGEX: the line on stderr.
summary() { expect_err_like "^zvm: $1"; }

# ---- Values -----------------------------------------------------------------------------------------

each '1\n"a"\n[true,false,null]\n{"b":{}}\n' "$same" -w 2
expect_status 0
expect_out '1
"a"
[true,false,null]
{"b":{}}'
summary "4 rows in [0-9.]+ s, [0-9,]+ a second; failed 0; heap peak [0-9]+ KiB, gc p99 [0-9.]+ ms"
expect_err_lines 1
each '' "$same"
expect_status 0
expect_out ""
summary "0 rows"
each '"no line feed"' "$same"
expect_out '"no line feed"'
each ' [ 1 ,\t2 ] \r\n' "$same"
expect_out '[1,2]'
each '9223372036854775807\n-9223372036854775808\n9007199254740993\n-0\n' "$same"
expect_out '9223372036854775807
-9223372036854775808
9007199254740993
0'
each '9223372036854775808\n-9223372036854775809\n0.1\n1e3\n-0.0\n1.7976931348623157e308\n5e-324\n0.30000000000000004\n' "$same"
expect_out '9.223372036854776e+18
-9.223372036854776e+18
0.1
1000.0
-0.0
1.7976931348623157e+308
5e-324
0.30000000000000004'
each '"\\u00e4\\ud83d\\ude00\\/\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f"\n' "$same"
expect_out '"ä😀/\"\\\b\f\n\r\t\u0001'$'\x7f''"'
each '{"a":1,"b":2,"a":3}\n' "$same" # the last one counts, in the place of the first
expect_out '{"a":3,"b":2}'
data=$(program data.zx <<'END'
data P { x, y = 2 }
async action main(row) { sleep(1)
  return {1: P(row), "k": [P(1, 2.5)]} }
END
)
each '7\n' "$data"
expect_out '{"1":{"x":7,"y":2},"k":[{"x":1,"y":2.5}]}'
expect_status 0

# Every row finds the program as it was made.
each '1\n2\n3\n' "$picky" -w 1
expect_out '[1,1]
[2,1]
[3,1]'

# Random values, many rows and threads: the same as Python reads and writes them.
last_command="each same.zx -w 4 (random rows)"
python3 - "$work" <<'END'
import json, random, sys
random.seed(11)
def value(depth):
    kind = random.randrange(9 if depth < 5 else 6)
    if kind == 0: return random.choice([None, True, False])
    if kind == 1: return random.randrange(-2**63, 2**63)
    if kind == 2: return random.randrange(-1000, 1000)
    if kind == 3: return random.choice([random.uniform(-1e6, 1e6), random.random() * 10.0**random.randrange(-300, 300), round(random.uniform(0, 100), 2)])
    if kind in (4, 5): return "".join(random.choice('aZ09 "\\/\n\t\x00\x1f\x7fäß€😀') for _ in range(random.randrange(12)))
    if kind == 6: return [value(depth + 1) for _ in range(random.randrange(6))]
    return {str(random.randrange(30)) + random.choice(["", "ä", "\n"]): value(depth + 1) for _ in range(random.randrange(12))}
with open(sys.argv[1] + "/random.jsonl", "w") as rows:
    for number in range(5000):
        rows.write(json.dumps([number, value(0)], ensure_ascii=random.random() < 0.5) + "\n")
END
"$ZVM" each "$same" --in "$work/random.jsonl" -w 4 >"$work/out" 2>"$work/err"
status=$?
expect_status 0
checks=$((checks + 1))
python3 - "$work" <<'END' || fail "a value is not what went in"
import json, sys
def same(a, b):
    if type(a) is not type(b): return False
    if isinstance(a, list): return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict): return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b
rows, results = open(sys.argv[1] + "/random.jsonl"), open(sys.argv[1] + "/out")
for number, row in enumerate(rows):
    wanted, got = json.loads(row), json.loads(results.readline())
    assert same(wanted, got), (number, wanted, got)
assert results.readline() == ""
END

# ---- What is wrong with a row ------------------------------------------------------------------------

# record KIND MESSAGE LINE COLUMN ROW FILE
record() {
    printf '{"error":{"kind":"%s","message":"%s","file":"%s","line":%s,"column":%s,"row":%s}}' "$1" "$2" "$6" "$3" "$4" "$5"
}
each '1\n"throw"\n3\n' "$picky"
expect_status 1
expect_out "[1,1]
$(record PickyError no 4 23 2 "$picky")
[3,1]"
summary "3 rows in .*; failed 1 \(PickyError 1\)"

# bad TEXT COLUMN MESSAGE
bad() {
    each "$1\n" "$same"
    expect_status 1
    expect_out "$(record InvalidJson "$3" 1 "$2" 1 -)"
}
bad '' 1 'a value is missing'
bad '  ' 3 'a value is missing'
bad 'nul' 1 'an unknown word'
bad 'wrong' 1 'an unexpected character'
bad '1 2' 3 'more behind the value'
bad '[1,]' 4 'an unexpected character'
bad '[1' 3 'an array or object without an end'
bad '[1 2]' 4 'a comma or a closing bracket is missing'
bad '[1}' 3 'a comma or a closing bracket is missing'
bad '{"a" 1}' 6 'a key without a colon behind it'
bad '{1:2}' 2 "an object's key that is no string"
bad '{"a":1,}' 8 "an object's key that is no string"
bad '"open' 6 'a string without an end'
bad '"a\tb"' 3 'a control character in a string'
bad '"\\x"' 4 'an unknown escape'
bad '"\\u12"' 4 'a \\u without four hexadecimal digits'
bad '"\\ud800"' 8 'half of a surrogate pair'
bad '01' 3 'a number that begins with 0'
bad '-' 2 'a number without digits'
bad '1.' 3 'a point without digits behind it'
bad '1e' 3 'an exponent without digits'
bad '1e999' 6 'a number that is too large'
bad '"\xff"' 4 'a text that is not valid UTF-8'
each '"a\0b"\n2\n' "$same"
expect_status 1
expect_out "$(record InvalidJson 'a control character in a string' 1 3 1 -)
2"

# What is JSON and what is not: rows with a byte changed, left out or doubled, beside Python's opinion.
last_command="each same.zx -w 2 (damaged rows)"
python3 - "$work" <<'END'
import random, sys
random.seed(5)
SEEDS = ['{"a":[1,2.5e-3,"x\\u00e4\\n"],"b":{"c":null}}', '[true,false,-12,0.5,[],{}]', '"\\ud83d\\ude00 text"', '[[1,[2,[3]]],{"k":{"l":[]}}]', '-1.25E+2']
BYTES = b'{}[],:"\\0123456789.eE+-ntrufalse \t\x00\x80\xc3'
with open(sys.argv[1] + "/damaged.jsonl", "wb") as rows:
    for _ in range(6000):
        row = bytearray(random.choice(SEEDS).encode())
        for _ in range(random.randrange(1, 3)):
            place = random.randrange(len(row) + 1)
            kind = random.randrange(3)
            if kind == 0: row[place:place] = bytes([random.choice(BYTES)])
            elif kind == 1: row[place:place + 1] = bytes([random.choice(BYTES)])
            else: del row[place:place + 1]
        rows.write(bytes(row) + b"\n")
END
"$ZVM" each "$same" --in "$work/damaged.jsonl" -w 2 >"$work/out" 2>"$work/err"
status=$?
expect_status 1
checks=$((checks + 1))
python3 - "$work" <<'END' || fail "it does not agree with Python about what is JSON"
import json, sys
def no_constant(name): raise ValueError(name)
def read(row):
    value = json.loads(row.decode("utf-8"), parse_constant=no_constant)
    json.dumps(value, ensure_ascii=False).encode("utf-8") # no half of a surrogate pair
    if "Infinity" in json.dumps(value): raise ValueError("too large")
    return value
bad = 0
results = open(sys.argv[1] + "/out", "rb").read().splitlines()
rows = open(sys.argv[1] + "/damaged.jsonl", "rb").read().split(b"\n")[:-1]
assert len(rows) == len(results)
for row, result in zip(rows, results):
    got = json.loads(result)
    is_record = isinstance(got, dict) and "error" in got
    try: wanted = read(row)
    except ValueError: # of JSON, or of UTF-8
        bad += 1
        assert is_record and got["error"]["kind"] == "InvalidJson", (row, result)
        continue
    assert not is_record and got == wanted, (row, result)
assert bad > 1000
END

# nested N: that many arrays inside each other.
nested() { printf '%*s' "$1" '' | tr ' ' '[' && printf '%*s\n' "$1" '' | tr ' ' ']'; }
nested 512 >"$work/deep.jsonl"
zvm each "$same" --in "$work/deep.jsonl"
expect_status 0
checks=$((checks + 1))
cmp -s "$work/out" "$work/deep.jsonl" || fail "512 levels do not come back"
nested 513 >"$work/deep.jsonl"
zvm each "$same" --in "$work/deep.jsonl"
expect_status 1
expect_out "$(record InvalidJson 'nested deeper than 512' 1 513 1 "$work/deep.jsonl")"

each '"deep"\n"self"\n"double"\n"nan"\n"function"\n' "$picky" --line-limit 1M
expect_status 1
expect_out "$(record InvalidResult 'the result is nested deeper than 512, or holds itself' 0 0 1 "$picky")
$(record InvalidResult 'the result is nested deeper than 512, or holds itself' 0 0 2 "$picky")
$(record InvalidResult 'the result is longer than a line may be' 0 0 3 "$picky")
$(record InvalidResult 'nan is no number of JSON' 0 0 4 "$picky")
$(record InvalidResult 'a function, task, error, isolate or host object is no value of JSON' 0 0 5 "$picky")"

# The first row that fails decides the exit status.
each '1\n"spin"\n"throw"\n' "$picky" --fuel 100000
expect_status 4
checks=$((checks + 1))
grep -q '"kind":"OutOfFuel","message":"the program used up its fuel: 10' "$work/out" || fail "no record of the fuel"
summary "3 rows in .*; failed 2 \((OutOfFuel 1, PickyError 1|PickyError 1, OutOfFuel 1)\)"
each '"throw"\n"spin"\n' "$picky" --fuel 100000
expect_status 1
each '"hoard"\n' "$picky" --heap-limit 1M
expect_status 3
checks=$((checks + 1))
grep -q '"kind":"HeapLimitError"' "$work/out" || fail "no record of the heap limit"
each '"spin"\n2\n' "$picky" --timeout 20ms
expect_status 124
checks=$((checks + 1))
grep -q '"kind":"Timeout"' "$work/out" || fail "no record of the timeout"
checks=$((checks + 1))
[ "$(tail -1 "$work/out")" = '[2,1]' ] || fail "the row behind it"
printf '"%0*d"\n' 2000000 0 | "$ZVM" each "$same" --heap-limit 1M >"$work/out" 2>"$work/err"
status=$?
expect_status 3 # the row itself is too large
checks=$((checks + 1))
grep -q '"kind":"HeapLimitError".*"row":1}}' "$work/out" || fail "no record of the row's size"

# Lines at the limit and above, on both ways to them: in one reading, and in many.
long() { printf '"%0*d"\n' "$(($1 - 2))" 0; }
for limit in 100 200000; do
    { echo 1; long $limit; long $((limit + 1)); echo 2; } >"$work/long.jsonl"
    zvm each "$same" --in "$work/long.jsonl" --line-limit $limit
    expect_status 1
    checks=$((checks + 1))
    [ "$(wc -l <"$work/out")" = 4 ] || fail "four lines of results"
    checks=$((checks + 1))
    [ "$(sed -n 2p "$work/out")" = "$(sed -n 2p "$work/long.jsonl")" ] || fail "a line of $limit bytes"
    checks=$((checks + 1))
    sed -n 3p "$work/out" | grep -q '"kind":"LineTooLong".*"line":3,"column":0,"row":3}}' || fail "a line of $limit + 1"
    checks=$((checks + 1))
    [ "$(tail -1 "$work/out")" = 2 ] || fail "the line behind it"
done

# ---- What is wrong with the command --------------------------------------------------------------------

# refused REGEX WORDS...
refused() {
    zvm each "${@:2}"
    expect_refusal 2 "^zvm: $1"
}
refused "no PROGRAM to run; write 'zvm each" --in "$work/random.jsonl"
refused "unknown option '--seed'; 'zvm each --help'" "$same" --seed 1
refused "'other.zx': only one FILE" "$same" other.zx
refused "'-': standard input is for the rows" -
refused "--resume: there is no file" "$same" --resume
refused "--line-limit: '0' is not a size" "$same" --line-limit 0
refused "--in: '/nowhere': No such file" "$same" --in /nowhere
refused "--in: '/': Is a directory" "$same" --in /
refused "--out: '/nowhere/x': No such file" "$same" --in "$work/deep.jsonl" --out /nowhere/x
refused "--out: '$work/deep.jsonl' is the input, too" "$same" --in "$work/deep.jsonl" --out "$work/deep.jsonl"
refused "--resume: '/dev/null' is no file" "$same" --in "$work/deep.jsonl" --out /dev/null --resume
refused ".*it has no action 'main'" "$(program none.zx <<<'let x = 1')"
zvm each "$(program broken.zx <<<'action main(')"
expect_status 2
expect_err_like "error:"
refused ".*main is no function when the top level has run" "$(program value.zx <<<'let main = 5')"
refused ".*main\(\) expects 0 arguments, got 1; write 'action main\(row\)" "$(program nothing.zx <<<'action main() { return 1 }')"
refused ".*main\(\) expects 2 arguments, got 1" "$(program two.zx <<<'action main(a, b) { return 1 }')" --out "$work/untouched"
checks=$((checks + 1))
[ ! -e "$work/untouched" ] || fail "a file was made"
# Not refused: what only some rows do wrong, and a top level that does not come to its end.
each '"a"\n1\n' "$(program typed.zx <<<'action main(a: string) { return a }')"
expect_status 1
checks=$((checks + 1))
grep -q "\"kind\":\"TypeError\",\"message\":\"parameter 'a': expected string" "$work/out" || fail "a row of another type"
each '1\n' "$(program late.zx <<<'while true { }
action main(a) { return a }')" --fuel 5000000
expect_status 4
each '1\n' "$(program thrown.zx <<<'throw error("at the top")
action main() { return 1 }')"
expect_status 1
checks=$((checks + 1))
grep -q '"message":"at the top"' "$work/out" || fail "the top level's error"

# ---- Files ------------------------------------------------------------------------------------------

zvm compile "$same" -o "$work/same.zbc"
seq 1 300 >"$work/rows"
zvm each "$work/same.zbc" --in "$work/rows" --out "$work/results" -w 2
expect_status 0
expect_out ""
checks=$((checks + 1))
cmp -s "$work/rows" "$work/results" || fail "the results are not in the file"
zvm each "$same" --in "$work/deep.jsonl" --out "$work/results" # what was in it is gone
checks=$((checks + 1))
[ "$(wc -l <"$work/results")" = 1 ] || fail "old results are left"

# Broken off after any byte, the run goes on to the same results. One of the rows fails.
printf '"r1"\n"throw"\n"r2"\n' >"$work/rows"
zvm each "$picky" --in "$work/rows" --out "$work/whole"
expect_status 1
last_command="each picky.zx --resume (at every byte)"
size=$(stat -c %s "$work/whole")
for cut in $(seq 0 "$size"); do
    head -c "$cut" "$work/whole" >"$work/part"
    "$ZVM" each "$picky" --in "$work/rows" --out "$work/part" --resume >"$work/out" 2>"$work/err"
    status=$?
    checks=$((checks + 1))
    cmp -s "$work/part" "$work/whole" || fail "cut at byte $cut it does not become whole"
done
expect_status 0 # the last one had nothing left to do
summary "0 rows behind the first 3 in"
rm "$work/part"
zvm each "$picky" --in "$work/rows" --out "$work/part" --resume # nothing to go on with
checks=$((checks + 1))
cmp -s "$work/part" "$work/whole" || fail "the first run with --resume"
head -2 "$work/rows" >"$work/few"
cp "$work/whole" "$work/part"
zvm each "$picky" --in "$work/few" --out "$work/part" --resume
expect_status 2
expect_err_like "'$work/part' has 3 whole lines, $work/few only 2 rows"
checks=$((checks + 1))
cmp -s "$work/part" "$work/whole" || fail "the results of another input are not left alone"

# ---- Ends ---------------------------------------------------------------------------------------------

# Ctrl-C: whole lines, in order, and the rest is done by --resume. The rows are several blocks (64 KiB).
slow=$(program slow.zx <<'END'
action main(row) { if row == 20000 { while true { } }
  return [row] }
END
)
seq 1 30000 >"$work/rows"
for number in INT TERM; do
    last_command="each slow.zx (stopped by $number)"
    rm -f "$work/part"
    "$ZVM" each "$slow" --in "$work/rows" --out "$work/part" -w 2 >"$work/out" 2>"$work/err" &
    process=$!
    for _ in $(seq 2000); do # until all results are written that can be
        [ "$(wc -l <"$work/part")" = 19999 ] && break
        sleep 0.02
    done 2>/dev/null
    kill "-$number" "$process"
    wait "$process"
    status=$?
    [ $number = INT ] && expect_status 130 || expect_status 143
    expect_err_like "stopped by SIG$number; what is written is whole lines"
    checks=$((checks + 1))
    lines=$(wc -l <"$work/part")
    [ "$lines" = 19999 ] && cmp -s <(seq -f '[%g]' 1 "$lines") "$work/part" || fail "not the lines before the one that never ends"
    zvm each "$same" --in "$work/rows" --out "$work/part" --resume
    expect_status 0
    checks=$((checks + 1))
    [ "$(wc -l <"$work/part")" = 30000 ] || fail "the rest is missing"
done
# While it waits for its input.
last_command="each same.zx (stopped by INT, nobody writes)"
mkfifo "$work/pipe"
sleep 600 >"$work/pipe" &
sleeper=$!
"$ZVM" each "$same" --in "$work/pipe" >"$work/out" 2>"$work/err" &
process=$!
for _ in $(seq 2000); do
    [ "$(ls "/proc/$process/task" 2>/dev/null | wc -l)" -ge 4 ] && break
    sleep 0.02
done
kill -INT "$process"
wait "$process"
status=$?
expect_status 130
kill "$sleeper"
wait "$sleeper" 2>/dev/null

# What comes slowly is answered at once.
last_command="each same.zx (a slow writer)"
checks=$((checks + 1))
coproc slow_one { "$ZVM" each "$same" 2>/dev/null; }
echo '"first"' >&"${slow_one[1]}"
read -r -t 60 answer <&"${slow_one[0]}"
[ "$answer" = '"first"' ] || fail "no answer before the end of the input"
eval "exec ${slow_one[1]}>&-"
wait "$slow_one_PID" 2>/dev/null

seq 1 100000 >"$work/rows"
last_command="each same.zx | head -1"
"$ZVM" each "$same" --in "$work/rows" 2>"$work/err" | head -1 >"$work/out"
status=${PIPESTATUS[0]}
expect_status 1
expect_out 1
expect_err_like "standard output: cannot write: Broken pipe"
if [ -w /dev/full ]; then
    zvm each "$same" --in "$work/rows" --out /dev/full
    expect_status 1
    expect_err_like "/dev/full: cannot write: No space left on device"
fi

# ---- Memory -------------------------------------------------------------------------------------------

# A sanitizer keeps what is freed.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=1"

# peak ROWS WORDS...: the most memory that a run takes, in KiB.
peak() {
    python3 - "$ZVM" "$@" <<'END'
import resource, subprocess, sys
rows = int(sys.argv[2])
process = subprocess.Popen([sys.argv[1], "each", *sys.argv[3:]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
line = b'{"id":123,"name":"some name","list":[1,2.5,"x"],"map":{"a":1,"b":[]}}\n' * 1000
for _ in range(rows // 1000):
    process.stdin.write(line)
process.stdin.close()
assert process.wait() == 0
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
}
last_command="each same.zx -w 2 (200,000 rows)"
checks=$((checks + 1))
few=$(peak 20000 "$same" -w 2) many=$(peak 200000 "$same" -w 2)
[ "$many" -lt $((few + few / 4 + 1024)) ] || fail "200,000 rows take $many KiB, 20,000 take $few"
# Nobody reads the results: it waits, in the same memory.
last_command="each same.zx (a slow reader)"
grow=$(program grow.zx <<'END'
action main(row) { return "x" * 100000 }
END
)
seq 1 100000 >"$work/rows"
sleep 600 <"$work/pipe" &
sleeper=$!
"$ZVM" each "$grow" --in "$work/rows" -w 2 >"$work/pipe" 2>"$work/err" &
process=$!
sleep 2
kill -TERM "$process"
held=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$process/status" 2>/dev/null)
wait "$process"
status=$?
kill "$sleeper"
wait "$sleeper" 2>/dev/null
expect_status 143
checks=$((checks + 1))
[ "${held:-0}" -lt 65536 ] || fail "it held $held KiB back"
finish
