# What `zvm dis` shows.
. "$(dirname "$0")/lib.bash"

expect_line() {
    checks=$((checks + 1))
    grep -qE -- "$1" "$work/out" || fail "expected a line like: $1"
}

file=$(program shown.zx <<'END'
let n = 1
action f(a) {
	return () => { n = n + a; return "text".upper() }
}
try { print(f(2.5)().missing) } catch (e) { print("é") }
data P { x; y = 2; method sum() { return this.x + this.y } }
print(P(1).sum())
END
)
zvm dis "$file"
expect_status 0
expect_err ""
expect_line 'shown.zx: 4 functions, 3 globals, [0-9]+ inline caches, [0-9]+ bytes$'
expect_line '^  global 0: n$'
expect_line '^  global 1: f$'
expect_line '^function0 <main>: 0 parameters'
expect_line '^function1 f: 1 parameters'
expect_line '^function2 anonymous: 0 parameters'
expect_line '^  constant [0-9]+: 2\.5$'
expect_line '^  constant [0-9]+: "text"$'
expect_line '^  capture 0: r0 of the function around$'
expect_line '^  1 \| let n = 1$'
expect_line '^  3 \|     return \(\) =>'
expect_line '^ +[0-9]+  3:[0-9]+ +CALLM .*"upper"'
expect_line '^ +[0-9]+  5:[0-9]+ +GETF .*"missing"'
expect_line '^  data 0: P: x y sum\(\)$'
expect_line '^ +[0-9]+  6:[0-9]+ +GETF .*"y" cache[0-9]+$'
expect_line '^  catch [0-9]+\.\.[0-9]+ -> [0-9]+, value in r[0-9]+$'
# Each line of the source stands above its instructions.
checks=$((checks + 1))
grep -A1 '^  1 | let n' "$work/out" | grep -q 'LOADI' || fail "line 1 is not above its instruction"

# The same without the source, from a compiled file: no line of it is shown.
zvm compile "$file" -o "$work/shown.zbc"
zvm dis "$file"
grep -v '^  [0-9]* | ' "$work/out" >"$work/without"
zvm dis "$work/shown.zbc"
expect_status 0
checks=$((checks + 1))
cmp -s "$work/out" "$work/without" || fail "the listing of the compiled file differs"

# Lines that are long or hold control characters.
printf 'let s = "%s"\n// \033[2J\nprint(1) // \033[2J\n' "$(printf 'é%.0s' $(seq 200))" >"$work/odd.zx"
zvm dis "$work/odd.zx"
expect_status 0
expect_line '^  1 \| let s = "é+…$'
checks=$((checks + 1))
grep -q $'\033' "$work/out" && fail "an escape character gets through"

# A listing takes time in proportion to the code: a hundred thousand lines, not for ever.
yes 'x = x + len([x, 2]) * 3' | head -100000 | sed '1i let x = 0' >"$work/long.zx"
zvm dis "$work/long.zx"
expect_status 0
checks=$((checks + 1))
[ "$(wc -l <"$work/out")" -gt 400000 ] || fail "the listing of a long program is short"
finish
