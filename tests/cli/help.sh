# Help: every command has it, its examples run or at least name files that exist, and the manual page
# knows every option. Method: the texts are read as a user would, by looking for words.
. "$(dirname "$0")/lib.bash"

for command in "" run each check compile dis repl heap-diff selftest version; do
    # shellcheck disable=SC2086
    zvm $command --help
    expect_status 0
    expect_err ""
    grep -q '^Usage: zvm' "$work/out" || fail "no usage line"
    grep -qE '^Examples?:' "$work/out" || fail "no examples"
    cp "$work/out" "$work/help"
    # shellcheck disable=SC2086
    zvm $command -h
    cmp -s "$work/out" "$work/help" || fail "-h differs from --help"
    for file in $(grep -oE 'examples/[a-z]+\.zx' "$work/help"); do
        [ -f "$file" ] || fail "the help names $file, which is not there"
    done
    for option in $(grep -oE '(^|[[:space:]])--?[a-z][a-z-]*' "$work/help" | tr -d '\\ '); do
        # mdoc: `.Fl n Ar ISOLATES` is -n, `.Fl -fuel Ar N` is --fuel.
        grep -qE -- "Fl ${option#-}( |$)" docs/man/zvm.1 ||
            fail "the manual page does not have $option"
    done
done

zvm help run
expect_status 0
zvm run --help anything --at-all
expect_status 0
zvm version
expect_status 0
grep -qE '^zvm [0-9]+\.[0-9]+\.[0-9]+$' "$work/out" || fail "the version is not 'zvm N.N.N'"
finish
