# The probes that docs/debugging.md lists are those of the command, with as many arguments.
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
if grep -q 'ZVM_USDT=1' "$BUILD/compile_commands.json"; then
    diff "$work/wanted" "$work/found" >"$work/err" || fail "the probes of the table (<) and of the command (>) differ"
else
    [ -s "$work/found" ] && fail "there are probes in a build without"
    echo "SKIP: this build has no probes"
fi
# The script asks for probes that there are, and for no argument that there is not.
for probe in $(grep -oE 'zvm:[a-z_]+' tools/zvm.bt | cut -d: -f2 | sort -u); do
    checks=$((checks + 1))
    grep -q "^$probe " "$work/wanted" || fail "tools/zvm.bt uses $probe, which there is not"
done
finish
