# Compiled files: written, run, shown, and refused when they are not whole; programs of the command line.
. "$(dirname "$0")/lib.bash"

file=$(program adder.zx <<'END'
action add(a, b) { return a + b }
print(add(2, 3), args)
END
)
zvm compile "$file"
expect_status 0
expect_out ""
expect_err ""
zvm run "$work/adder.zbc" -- x
expect_status 0
expect_out "5 [x]"
zvm run "$work/adder.zbc" -n 100 --output all
expect_status 0
zvm check "$work/adder.zbc"
expect_status 0
expect_err ""
zvm dis "$work/adder.zbc"
expect_status 0
grep -q RETNULL "$work/out" || fail "no instruction is shown"

# The same source gives the same bytes, to a file, to standard output and from standard input.
zvm compile "$file" -o "$work/again.zbc"
expect_status 0
cmp -s "$work/adder.zbc" "$work/again.zbc" || fail "two compilations differ"
zvm compile "$file" -o -
cmp -s "$work/adder.zbc" "$work/out" || fail "standard output gets other bytes"
cp "$work/adder.zbc" "$work/named_otherwise"
zvm run "$work/named_otherwise"
expect_out "5 []"
"$ZVM" run - <"$work/adder.zbc" >"$work/out" 2>"$work/err"
status=$?
expect_status 0
expect_out "5 []"

# Errors keep the places of the source.
file=$(program failing.zx <<'END'
let x = 1
print(x + "a" - 1)
END
)
zvm compile "$file" -o "$work/failing.zbc"
zvm run "$work/failing.zbc"
expect_status 1
expect_err_like "failing.zx:2:9: TypeError: "

# Usage.
zvm compile
expect_refusal 2 "no FILE to compile"
zvm compile a.zx b.zx
expect_refusal 2 "'b.zx': only one FILE"
zvm compile "$work/nowhere.zx"
expect_refusal 2 "no such file"
zvm compile examples/hello.zx -o
expect_refusal 2 "^zvm: -o: needs a value"
zvm compile --fast examples/hello.zx
expect_refusal 2 "unknown option '--fast'"
zvm compile /dev/null
expect_refusal 2 "name the output with -o"
zvm compile examples/hello.zx -o "$work/no/such/folder.zbc"
expect_refusal 1 "folder.zbc: cannot write: "
zvm compile --help
expect_status 0

# What does not compile leaves the old file as it was, and no other behind.
file=$(program wrong.zx <<<'print(')
cp "$work/adder.zbc" "$work/kept.zbc"
zvm compile "$file" -o "$work/kept.zbc"
expect_status 2
expect_err_like "wrong.zx:2:1: error: "
cmp -s "$work/adder.zbc" "$work/kept.zbc" || fail "the old file was touched"
[ "$(find "$work" -name 'kept.zbc*' | wc -l)" = 1 ] || fail "a temporary file stays behind"

# Not whole, not ours, not of this version.
head -c 100 "$work/adder.zbc" >"$work/cut.zbc"
zvm run "$work/cut.zbc"
expect_refusal 2 "cut.zbc: error: byte 40: .*cut off or damaged"
head -c 20 "$work/adder.zbc" >"$work/cut.zbc"
zvm check "$work/cut.zbc"
expect_refusal 2 "cut off inside the head"
program text.zbc <<<'print(1)' >/dev/null
zvm run "$work/text.zbc"
expect_refusal 2 "text.zbc: not a compiled program; 'zvm compile"
change() { # NAME OFFSET: one byte of adder.zbc changed
    python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(data)' "$work/adder.zbc" "$work/$1" "$2"
}
change version.zbc 8
zvm run "$work/version.zbc"
expect_refusal 2 "version.zbc: error: .*compiled by another version of zvm; compile the source again"
change damaged.zbc 60
zvm dis "$work/damaged.zbc"
expect_refusal 2 "damaged.zbc: error: .*the digest does not fit"

# Programs on the command line and on standard input have names that positions show.
zvm run -e 'print(6 * 7, args)' -- a b
expect_status 0
expect_out "42 [a, b]"
zvm run -e 'print(isolate_id())' -n 2 --output all
expect_out $'0\n1'
zvm run -e 'print(nothing)'
expect_status 1
expect_err_like "^<command-line>:1:7: NameError: 'nothing' is not defined"
zvm run -e 'let = 1'
expect_status 2
expect_err_like "^<command-line>:1:5: error: "
zvm run -e ''
expect_status 0
expect_out ""
zvm run -e
expect_refusal 2 "^zvm: -e: needs a value"
zvm run -e 1 -e 2
expect_refusal 2 "-e: given twice"
zvm run -e 1 examples/hello.zx
expect_refusal 2 "'examples/hello.zx': -e gives the program already"
"$ZVM" run - >"$work/out" 2>"$work/err" <<<'print(nothing)'
status=$?
last_command="run -"
expect_status 1
expect_err_like "^<stdin>:1:7: NameError: "
zvm run -e 'while true {}' --fuel 1000
expect_status 4
expect_err_like "^zvm: <command-line>: out of fuel after 1,000"
finish
