# What `zvm run` tells about memory: snapshots that hold node by node, sampled allocations, leaks.
. "$(dirname "$0")/lib.bash"

leak=$(program leak.zx <<'END'
let cache = {}
data Session { user, pages }
action open_session(i) {
  cache["key ${i}"] = Session("user ${i}", [i, "page"])
}
action serve(n) {
  for each i in range(n) { open_session(i) }
}
serve(3000)
print(cache.len())
END
)

# check_snapshot WANTED...: of $work/s.heapsnapshot.
check_snapshot() {
    checks=$((checks + 1))
    python3 tests/cli/check_snapshot.py "$work/s.heapsnapshot" "$@" >"$work/err" 2>&1 ||
        fail "the snapshot does not hold"
}

# At the exit: globals are left. Its bytes are those of the report, as every isolate's are.
zvm run "$leak" --heap-snapshot "$work/s.heapsnapshot"
expect_status 0
expect_out 3000
expect_err ""
check_snapshot cache Session open_session 'user 2999' 'map(3000)' 'list(2)' '(globals)' pages '["key 0"]'
zvm run "$leak" -n 50 -w 2 --heap-snapshot "$work/s.heapsnapshot"
expect_status 0
check_snapshot cache Session
checks=$((checks + 1))
[ "$(ls "$work"/s.heapsnapshot*)" = "$work/s.heapsnapshot" ] || fail "temporary files are left"

# All kinds of objects.
kinds=$(program kinds.zx <<'END'
data Point { x, y = [0] }
data Point3 extends Point { z = {} }
let made = []
let add = (n) => n + made.len()
async action later(x) { return x }
try { throw "bad" } catch (e) { made.push(e) }
try { [][5] } catch (e) { made.push(e) }
made.push(Point(1, [2]))
made.push(later([1]))
made.push(add)
made.push("long " * 1000)
made.push({1: [2], "a\"b\\c": {}})
made.push(range(5000))
made.push("é" * 60)
END
)
zvm run "$kinds" --heap-snapshot "$work/s.heapsnapshot"
expect_status 0
check_snapshot made Point 'list(5000)' 'data Point'

# At the limit: what the registers hold, by function; the run ends as it would without.
grow=$(program grow.zx <<'END'
action grow() {
  let kept = []
  while true { kept.push([1, "two"]) }
}
grow()
END
)
zvm run "$grow" --heap-limit 200K
cp "$work/err" "$work/plain"
zvm run "$grow" --heap-limit 200K --heap-snapshot "$work/s.heapsnapshot" --at limit
expect_status 3
checks=$((checks + 1))
grep -q "grow.zx:3" "$work/err" || fail "the error is lost"
checks=$((checks + 1))
python3 - "$work/s.heapsnapshot" <<'END' || fail "no call of grow"
import json, sys
strings = json.load(open(sys.argv[1]))["strings"]
sys.exit(not any(" of grow (" in s and s.startswith("register ") for s in strings))
END
check_snapshot '(calls)'

# A limit that is never reached leaves no file; nor does a program that is not compiled.
rm "$work/s.heapsnapshot"
zvm run "$leak" --heap-snapshot "$work/s.heapsnapshot" --at limit
expect_status 0
bad=$(program bad.zx <<<'let let')
zvm run "$bad" --heap-snapshot "$work/s.heapsnapshot" --alloc-profile "$work/a.folded"
expect_status 2
checks=$((checks + 1))
[ -z "$(ls "$work"/s.heapsnapshot* "$work"/a.folded* 2>/dev/null)" ] || fail "a file is left"

# At a signal, while it runs.
spin=$(program spin.zx <<'END'
let kept = [1, [2, "here"]]
print("ready")
while true { kept[0] = kept[0] + 1 }
END
)
last_command="run spin.zx --at signal"
"$ZVM" run "$spin" --heap-snapshot "$work/s.heapsnapshot" --at signal >"$work/out" 2>"$work/err" &
pid=$!
until grep -q ready "$work/out"; do sleep 0.05; done
kill -USR1 $pid
until [ -s "$work/s.heapsnapshot" ]; do sleep 0.05; done
check_snapshot kept 'list(2)'
kill -TERM $pid
wait $pid
status=$?
expect_status 143

# Sampled allocations. With every byte a sample the lines add up to what the report says.
zvm run "$leak" -w 1 --alloc-profile "$work/a.folded" --sample-every 1 --report json \
    --report-file "$work/report.json"
expect_status 0
checks=$((checks + 1))
python3 - "$work/a.folded" "$work/report.json" <<'END' >"$work/err" 2>&1 || fail "the profile does not hold"
import json, sys
sums = {"all": 0, "live": 0}
sites = set()
for line in open(sys.argv[1]):
    stack, size = line.rsplit(" ", 1)
    sums[stack.split(";")[0]] += int(size)
    sites.add((stack.split(";", 1)[1].rsplit(" ")[0], stack.rsplit(":")[-1]))
assert sums["all"] == json.load(open(sys.argv[2]))["totals"]["allocated_bytes"], sums
assert 0 < sums["live"] <= sums["all"], sums
assert ("<main>;serve;open_session", "4") in sites, sites
END

# The same samples each time.
zvm run "$leak" --alloc-profile "$work/a.folded" --sample-every 2K
zvm run "$leak" --alloc-profile "$work/b.folded" --sample-every 2K
checks=$((checks + 1))
cmp -s "$work/a.folded" "$work/b.folded" || fail "two equal runs have different samples"
checks=$((checks + 1))
[ -s "$work/a.folded" ] || fail "nothing was sampled"

# Leaks: which variable, by which way, made where.
zvm run "$leak" --leaks 0 --sample-every 1
expect_status 0
expect_out 3000
expect_err_like ' 3,000  data Session .* global cache$'
expect_err_like 'made by open_session \(.*leak\.zx:4\)$'
expect_err_like 'global cache -> map\(3000\) \["key [0-9]+"\] -> Session \.pages -> list\(2\)$'
expect_err_like '^survivors by collections: '
zvm run "$leak" --leaks 3 --gc-threshold 1000
expect_err_like ' data Session .* global cache$'
zvm run "$leak" --leaks 60s
expect_status 0
expect_err_lines 2 # young: a heading and the survivors

# The difference of two snapshots: what grew most comes first; one with itself has none.
zvm run "$leak" --heap-snapshot "$work/a.heapsnapshot"
sed 's/serve(3000)/serve(4000)/' "$leak" >"$work/more.zx"
zvm run "$work/more.zx" --heap-snapshot "$work/b.heapsnapshot"
zvm heap-diff "$work/a.heapsnapshot" "$work/b.heapsnapshot"
expect_status 0
expect_err ""
checks=$((checks + 1))
grep -qE '^ +\+48000 +\+1000 +144000 +192000  object Session$' "$work/out" || fail "no growth of sessions"
checks=$((checks + 1))
sed -n '2,$s/^ *\([+-][0-9]*\) .*/\1/p' "$work/out" | grep -v '^+0$' | sed '$d' >"$work/grown"
sort -c -g -r "$work/grown" || fail "not sorted by growth"
zvm heap-diff "$work/b.heapsnapshot" "$work/a.heapsnapshot"
checks=$((checks + 1))
grep -qE '^ +-48000 +-1000 .*object Session$' "$work/out" || fail "no shrinking of sessions"
zvm heap-diff "$work/a.heapsnapshot" "$work/a.heapsnapshot"
expect_status 0
checks=$((checks + 1))
[ "$(grep -c Session "$work/out")" = 0 ] || fail "a snapshot differs from itself"
zvm heap-diff "$work/a.heapsnapshot"
expect_refusal 2 "^zvm: heap-diff needs two snapshots"
zvm heap-diff "$work/nowhere" "$work/a.heapsnapshot"
expect_refusal 2 "^zvm: .*/nowhere: cannot read: No such file"
# Any cut or bent file is refused in one line.
python3 - "$work/a.heapsnapshot" "$work" <<'END'
import random, sys
text = open(sys.argv[1]).read()
random.seed(5)
for i in range(60):
    at = random.randrange(len(text) - 4)
    open(f"{sys.argv[2]}/bent{i}", "w").write(text[:at])
    open(f"{sys.argv[2]}/odd{i}", "w").write(text[:at] + random.choice('"[]{},\\9') + text[at + 1 :])
END
for i in $(seq 0 59); do
    zvm heap-diff "$work/bent$i" "$work/a.heapsnapshot"
    expect_refusal 2 "^zvm: .*/bent$i: not a heap snapshot: "
    zvm heap-diff "$work/a.heapsnapshot" "$work/odd$i"
    checks=$((checks + 1))
    [ "$status" = 0 ] || [ "$status" = 2 ] || fail "a bent snapshot ended with status $status"
done

# Words that cannot be.
zvm run "$leak" --at limit
expect_refusal 2 "^zvm: --at: there is no snapshot"
zvm run "$leak" --heap-snapshot x --at noon
expect_refusal 2 "^zvm: --at: 'noon' is not a moment"
zvm run "$leak" --sample-every 5
expect_refusal 2 "^zvm: --sample-every: nothing shows samples"
zvm run "$leak" --alloc-profile "$work/x" --sample-every 0
expect_refusal 2 "^zvm: --sample-every: '0' is not a size"
zvm run "$leak" --leaks old
expect_refusal 2 "^zvm: --leaks: 'old' is not an age"
zvm run "$leak" --heap-snapshot ""
expect_refusal 2 "^zvm: --heap-snapshot: the name is empty"
zvm run "$leak" --heap-snapshot "$work/nowhere/s"
expect_refusal 2 "^zvm: --heap-snapshot: .*/nowhere/s: cannot write: No such file"
zvm run "$leak" --alloc-profile /dev/full --sample-every 1
expect_status 1
expect_err_like "^zvm: /dev/full: cannot write: No space left on device$"
finish
