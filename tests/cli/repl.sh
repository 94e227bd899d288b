# The prompt: by pipe, and on a terminal of its own (repl_terminal.py).
. "$(dirname "$0")/lib.bash"

repl() { # TEXT of standard input
    last_command="repl <<< '$1'"
    printf '%s' "$1" | "$ZVM" repl "${@:2}" >"$work/out" 2>"$work/err"
    status=$?
}

repl $'let a = 1\na + 1\n_ * 10\nprint(a)\nnull\n[a, {b: "c"}]\n'
expect_status 0
expect_out $'2\n20\n1\n[1, {b: c}]'
expect_err ""

# Open brackets, strings, comments and operators go on; blank lines inside are part of it.
repl $'action f(x) {\n\n  return x * 2\n}\nf(\n 4\n)\n"""a\n\nb"""\n1 +\n2\n/* x\n*/ 7\n'
expect_out $'8\na\n\nb\n3\n7'
expect_err ""

# Errors of every kind are survived, and the names stay.
repl $'let a = 5\nmissing\nlet = 3\nthrow "x"\na = a + 1\nlet a = a * 2\na\nconst c = 1\nc = 2\nconst c = 3\nc\n'
expect_status 0
expect_out $'12\n3'
expect_err_like "^<repl:2>:1:1: NameError: 'missing' is not defined"
expect_err_like "^<repl:3>:1:5: error: "
expect_err_like "^<repl:4>:1:1: Error: x"
expect_err_like "^<repl:9>:1:1: ConstError: cannot assign to constant 'c'"

# An error inside a function of an earlier piece names that piece.
repl $'action bad(x) {\n  return x + null }\n\nbad(1)\n'
expect_err_like "^<repl:1>:2:12: TypeError: "
expect_err_like "^at <main> \(<repl:2>:1:1\)"

# What is open at the end is wrong; a last line needs no line end.
repl $'1\naction f('
expect_status 0
expect_out 1
expect_err_like "^<repl:2>:1:10: error: "
repl '6 * 7'
expect_out 42
repl ''
expect_status 0
expect_out ""

# Limits are those of each piece, the heap's of the session.
repl $'let kept = 1\nwhile true {}\nkept\n' --fuel 100000
expect_status 0
expect_out 1
expect_err_like "out of fuel"
repl $'let l = []\nwhile true { l.push("x" * 3000) }\nl = []\n"alive"\n' --heap-limit 256K
expect_out alive
expect_err_like "HeapLimitError"
repl $'args\n' -- a b
expect_out '[a, b]'

# Not for a terminal: no prompt, no history.
export HOME="$work/home" XDG_STATE_HOME="$work/state"
repl $'1\n'
[ ! -e "$work/state" ] || fail "a history is kept without a terminal"

# A reader that goes away ends it.
last_command="repl | head"
(yes '"some text that fills the pipe"' | head -n 200000 | "$ZVM" repl 2>"$work/err"; echo $? >"$work/status") | head -n 1 >"$work/out"
status=$(cat "$work/status")
expect_status 1
expect_err_like "standard output"

zvm repl --help
expect_status 0
zvm help repl
expect_status 0

last_command="repl on a terminal"
checks=$((checks + 1))
python3 tests/cli/repl_terminal.py "$ZVM" "$work" >"$work/out" 2>"$work/err"
status=$?
expect_status 0
finish
