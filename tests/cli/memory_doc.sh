# The commands and the program of docs/memory.md are run, by the rules of readme.sh.
. "$(dirname "$0")/lib.bash"

last_command="(docs/memory.md)"
checks=1
if is_release 2>/dev/null; then export ZVM_IS_RELEASE=1; fi
python3 tests/cli/run_readme.py docs/memory.md "$ZVM" >"$work/out" 2>"$work/err" || {
    status=1
    fail "docs/memory.md does not tell the truth"
}
tail -1 "$work/out"
finish
