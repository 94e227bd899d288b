# The commands and the programs of docs/each.md are run, by the rules of readme.sh.
. "$(dirname "$0")/lib.bash"

last_command="(docs/each.md)"
checks=1
python3 tests/cli/run_readme.py docs/each.md "$ZVM" >"$work/out" 2>"$work/err" || {
    status=1
    fail "docs/each.md does not tell the truth"
}
tail -1 "$work/out"
finish
