# Source files of every bad kind: one clear line, exit status 2, and no crash.
. "$(dirname "$0")/lib.bash"

zvm run "$work/nowhere.zx"
expect_refusal 2 "^zvm: .*/nowhere.zx: no such file"
zvm run "$work/hello.zx/nowhere.zx"
expect_refusal 2 "^zvm: .*/nowhere.zx: "
zvm run examples
expect_refusal 2 "^zvm: examples: is a directory; give the .zx file"
zvm check "$work/a.zx" "$work/b.zx"
expect_status 2
expect_err_lines 2
zvm dis "$work/nowhere.zx"
expect_refusal 2 "no such file"
if [ "$(id -u)" != 0 ]; then
    program locked.zx <<<'print(1)' >/dev/null
    chmod 000 "$work/locked.zx"
    zvm run "$work/locked.zx"
    expect_refusal 2 "^zvm: .*/locked.zx: permission denied"
fi

# An empty file is a program that does nothing; so is one of comments.
: >"$work/empty.zx"
zvm run "$work/empty.zx" -n 100
expect_status 0
expect_out ""
expect_err ""
zvm check "$work/empty.zx"
expect_status 0
zvm run /dev/null
expect_status 0

# Standard input.
"$ZVM" run - >"$work/out" 2>"$work/err" <<<'print(6 * 7)'
status=$?
last_command="run -"
expect_status 0
expect_out 42

# Not UTF-8.
printf 'print("a\xff")\n' >"$work/bytes.zx"
zvm run "$work/bytes.zx"
expect_status 2
expect_out ""
expect_err_like "bytes.zx"
expect_err_like "UTF-8"
head -c 100000 /dev/urandom >"$work/random.zx"
zvm run "$work/random.zx"
expect_status 2

# A syntax error in the middle: nothing runs, the place is told, the line is shown.
file=$(program middle.zx <<'END'
print("before")
let x = 1 +
let print("after")
END
)
zvm run "$file"
expect_status 2
expect_out ""
expect_err_like "middle.zx:3:1: error: "
zvm check "$file" examples/hello.zx
expect_status 2
expect_err_like "middle.zx:3:1: error: "
cut -c1-200 "$work/err" | grep -q '\^' || fail "there is no caret under the place"
zvm dis "$file"
expect_status 2

# Many brackets: more than any stack could follow, more than anybody would want to see again.
deep() { # NAME COUNT OPEN MIDDLE CLOSE
    python3 -c 'import sys; n = int(sys.argv[1]); sys.stdout.write(sys.argv[2] * n + sys.argv[3] + sys.argv[4] * n)' \
        "$2" "$3" "$4" "$5" >"$work/$1"
    timeout 120 "$ZVM" run "$work/$1" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    last_command="run $1 ($2 times '$3')"
    expect_out ""
    checks=$((checks + 1))
    [ "$(wc -c <"$work/err")" -lt 4000 ] || fail "stderr repeats the file"
    rm "$work/$1"
}
deep parens.zx 10000000 '(' '' ''
expect_status 2
expect_err_like "parens.zx:1:[0-9]+: error: "
deep nested.zx 1000000 '(' 1 ')'
expect_status 2
expect_err_like "nested.zx:1:[0-9]+: error: "
deep lists.zx 1000000 '[' '' ']'
expect_status 2
deep blocks.zx 1000000 '{' '' '}'
expect_status 2
deep minus.zx 1000000 '- ' 1 ''
expect_status 2
deep ifs.zx 300000 'if true { ' '' '}'
expect_status 2
deep calls.zx 300000 'f(' '' ')'
expect_status 2
finish
