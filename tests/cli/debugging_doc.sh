# The commands, the program and the gdb sessions of docs/debugging.md are run, by the rules of readme.sh and
# run_gdb_doc.py.
. "$(dirname "$0")/lib.bash"

last_command="(docs/debugging.md)"
checks=1
python3 tests/cli/run_readme.py docs/debugging.md "$ZVM" >"$work/out" 2>"$work/err" || {
    status=1
    fail "docs/debugging.md does not tell the truth"
}
tail -1 "$work/out"

# The sessions show figures of a heap: those of the build that is installed.
if ! gdb -batch -ex 'python print(1 + 1)' 2>/dev/null | grep -qx 2; then
    echo "the sessions are not run: gdb is missing, or has no Python"
elif ! is_release 2>/dev/null || ! grep -q ZVM_USDT=1 "${BUILD:-.}/compile_commands.json"; then
    echo "the sessions are not run: they are of a release build with probes"
else
    checks=2
    python3 tests/cli/run_gdb_doc.py docs/debugging.md "$ZVM" >"$work/out" 2>"$work/err" || {
        status=1
        fail "the sessions of docs/debugging.md do not tell the truth"
    }
    tail -1 "$work/out"
fi
finish
