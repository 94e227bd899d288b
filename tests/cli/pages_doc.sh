# The commands and programs of the documents that have no test of their own are run, by the rules of readme.sh.
. "$(dirname "$0")/lib.bash"

if is_release 2>/dev/null; then export ZVM_IS_RELEASE=1; fi
own="docs/memory.md docs/each.md docs/debugging.md docs/limits.md"
for page in SECURITY.md docs/*.md; do
    if [[ " $own " == *" $page "* ]] || ! grep -q '^```console' "$page"; then continue; fi
    last_command="($page)"
    checks=$((checks + 1))
    python3 tests/cli/run_readme.py "$page" "$ZVM" >"$work/out" 2>"$work/err" || {
        status=1
        fail "$page does not tell the truth"
    }
    tail -1 "$work/out"
done
finish
