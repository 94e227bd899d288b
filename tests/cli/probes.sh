# The probes that docs/debugging.md lists are those of the command, with as many arguments; tools/zvm.bt asks for no
# others, and where bpftrace may attach, its sums are those of the report.
. "$(dirname "$0")/lib.bash"
: "${BUILD:?set BUILD to the build folder}"

command -v readelf >/dev/null || { echo "SKIP: readelf is missing"; exit 0; }
readelf -n "$ZVM" 2>"$work/err" >"$work/out"
last_command="(readelf -n $ZVM)"
status=$?

# "name count" of each probe: in the file, and in the table.
awk '/Provider:/ { ours = $2 == "zvm" } /Name:/ { name = $2 }
     /Arguments:/ && ours { print name, NF - 1 }' "$work/out" | sort -u >"$work/found"
sed -n '/^## Probes/,$p' docs/debugging.md |
    awk -F'|' '/^\| `[a-z_]+` \|/ { gsub(/[ `]/, "", $2); print $2, split($3, words, ",") }' |
    sort >"$work/wanted"

checks=$((checks + 1))
[ "$(wc -l <"$work/wanted")" -ge 9 ] || fail "the table of probes is not there"
checks=$((checks + 1))
has_probes=0
if grep -q 'ZVM_USDT=1' "$BUILD/compile_commands.json"; then
    has_probes=1
    diff "$work/wanted" "$work/found" >"$work/err" || fail "the probes of the table (<) and of the command (>) differ"
else
    [ -s "$work/found" ] && fail "there are probes in a build without"
    echo "SKIP: this build has no probes"
fi

# "name count" of each probe that the script asks for: the arguments up to the last one that it uses.
awk '/^usdt:/ { split($1, words, ":"); name = words[4]; most[name] += 0 }
     { for (rest = $0; match(rest, /arg[0-9]+/); rest = substr(rest, RSTART + RLENGTH))
           if ((at = substr(rest, RSTART + 3, RLENGTH - 3) + 1) > most[name]) most[name] = at }
     END { for (name in most) print name, most[name] }' tools/zvm.bt | sort >"$work/used"
checks=$((checks + 1))
[ "$(wc -l <"$work/used")" -ge 5 ] || fail "the probes of tools/zvm.bt are not found in it"
while read -r probe count; do
    checks=$((checks + 1))
    there=$(sed -n "s/^$probe //p" "$work/wanted")
    [ "${there:-0}" -ge "$count" ] && [ -n "$there" ] ||
        fail "tools/zvm.bt uses $count arguments of $probe, which has ${there:-never been}"
done <"$work/used"

# For real: of three isolates of one program, what they ran, and that they ended well.
attach() {
    sed "s,usdt:\*:,usdt:$ZVM:," tools/zvm.bt >"$work/script.bt" # the form for a process that is not there yet
    echo 'let kept = []; for each i in range(0, 20000) { kept = [i, kept.length()] }' | tr ';' '\n' >"$work/program.zx"
    timeout 60 bpftrace -c "$ZVM run $work/program.zx -n 3 -w 2 --report json --report-file $work/report.json" \
        "$work/script.bt" >"$work/out" 2>"$work/err"
    checks=$((checks + 2))
    traced=$(awk -F': ' '/^@fuel\[/ { sum += $2 } END { printf "%d", sum }' "$work/out")
    reported=$(sed -n '0,/"fuel_used"/s/.*"fuel_used": \([0-9]*\).*/\1/p' "$work/report.json")
    [ -n "$reported" ] && [ "$traced" = "$reported" ] || fail "fuel by probes $traced, by the report $reported"
    grep -qx '@finished\[0\]: 3' "$work/out" || fail "the probes did not tell of three ends"
}
if [ "$has_probes" = 1 ] && command -v bpftrace >/dev/null &&
    timeout 20 bpftrace -e 'BEGIN { printf("may\n"); exit(); }' 2>"$work/err" | grep -qx may; then
    attach
else
    echo "SKIP: no probes, no bpftrace, or it may not attach"
fi
finish
