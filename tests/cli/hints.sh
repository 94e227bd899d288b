# Hints of errors at run time: lines of their own, behind the trace, and never part of the message.
. "$(dirname "$0")/lib.bash"

# expect_hint PROGRAM HINT: the program ends with an uncaught error and this hint; '': none.
expect_hint() {
    printf '%s\n' "$1" >"$work/p.zx"
    zvm run "$work/p.zx"
    expect_status 1
    checks=$((checks + 1))
    [ "$(sed -n 's/^hint: //p' "$work/err")" = "$2" ] || fail "expected the hint '$2' for: $1"
    [ "$(head -1 "$work/err" | grep -c hint)" = 0 ] || fail "a hint in the message of: $1"
    cp "$work/err" "$work/of_source"
    zvm compile "$work/p.zx" -o "$work/p.zbc"
    zvm run "$work/p.zbc"
    cmp -s "$work/err" "$work/of_source" || fail "another error from the compiled file of: $1"
}

# Names: of variables in scope, globals declared anywhere, builtins, and words of other languages.
expect_hint 'let counter = 1; print(coutner)' "did you mean 'counter'?"
expect_hint 'action f(first_name) { return fist_name }
f(1)' "did you mean 'first_name'?"
expect_hint 'action f() { return totl }
let total = 1
f()' "did you mean 'total'?"
expect_hint 'action f() { { let inner = 1 } return iner }
f()' ""
expect_hint 'prnit("a")' "did you mean 'print'?"
expect_hint 'action f() { lenght = 3 }
f()' "did you mean 'length'?"
expect_hint 'let Count = 1; print(count)' "did you mean 'Count'?"
expect_hint 'print(None)' "did you mean 'null'?"
expect_hint 'let x = 1; print(y)' ""
expect_hint 'print(later)

let later = 5' "it gets its value at line 3, which has not been run before this"

# Methods and properties.
expect_hint '[1].pusj(2)' "did you mean 'push'?"
expect_hint '"a".uper()' "did you mean 'upper'?"
expect_hint '({a: 1}).kyes()' "did you mean 'keys'?"
expect_hint '[1].kyes()' ""
expect_hint 'let n = 5; n.abs()' "'abs' is a function: write abs(...)"
expect_hint 'let l = [1]; print(l.len)' "'len' is a method: write .len(...)"
expect_hint 'try { throw error("x") } catch (e) { e.mesage }' "did you mean 'message'?"

# Records: fields and methods, own ones and inherited.
point='data Point { x: int, y = 2; method length() { return this.x } }
data Named extends Point { name = "" }
let p = Named(1)
'
expect_hint "$point print(p.nmae)" "did you mean 'name'?"
expect_hint "$point p.nam = 3" "did you mean 'name'?"
expect_hint "$point p.lenght()" "did you mean 'length'?"
expect_hint "$point p.toSrting()" "did you mean 'toString'?"
expect_hint "$point print(p.colour)" "Named has x, y (has a default), name (has a default)"
expect_hint "$point Point(x = 1, z_ = 2)" "Point has x, y (has a default)"
expect_hint "$point Named(x = 1, nane = 2)" "did you mean 'name'?"
expect_hint "$point Point()" "Point has x, y (has a default)"
expect_hint "$point Point(1, 2, 3)" "Point has x, y (has a default)"
expect_hint "$point p.length(1)" "'length' takes no arguments"
expect_hint 'data Empty { }
Empty(1)' "Empty has no fields"

# Calls.
expect_hint 'action f(first, age: int) { }
f(1)' "'f' takes (first, age: int)"
expect_hint 'action f() { }
f(1)' "'f' takes no arguments"
expect_hint '((a, b) => a)(1)' "the function takes (a, b)"
expect_hint '"abc".substring(1, 2, 3)' "it is s.substring(start[, end])"
expect_hint 'substring("a")' "it is substring(s, start[, end])"
expect_hint '[1].sort(1, 2, 3)' "it is list.sort([key_or_function][, descending])"
expect_hint '[1].map((a, b) => a)' "the function takes (a, b)"
parameters=$(printf 'a%d, ' $(seq 1 100))
expect_hint "action f(${parameters%, }) { }
f()" "'f' takes ($(printf 'a%d, ' $(seq 1 34))...)"

# Indexes.
expect_hint '[1, 2, 3][3]' "the length is 3: an index is from 0 to 2"
expect_hint '[1, 2, 3][-1]' "the length is 3: an index is from 0 to 2; none counts from the end"
expect_hint 'let l = [5]; l[1] = 2' "the length is 1: the only index is 0"
expect_hint '[][0]' "it is empty: the length is 0"
expect_hint '"né"[2]' "the length is 2: an index is from 0 to 1"

expect_hint '"n: " + 5' "only strings are joined: write string(x), or \"\${x}\""

# The hint belongs to its error, also past a finally and when it is thrown again; it is not one of an
# error that only looks alike.
expect_hint 'try { [1][4] } finally { let l = [1, 2].map(x => x + 1) }' \
    "the length is 1: the only index is 0"
expect_hint 'try { [1][4] } catch (e) { try { [].kyes() } catch { } throw e }' \
    "the length is 1: the only index is 0"
expect_hint 'try { [1][4] } catch (e) { throw error(e.message, e.kind) }' ""
expect_hint 'try { [1][4] } catch (e) { throw "index 4 out of range for length 1" }' ""

# At the prompt, of names of earlier pieces too.
printf 'let counter = 1\nprint(coutner)\n' >"$work/pieces"
"$ZVM" repl >"$work/out" 2>"$work/err" <"$work/pieces"
status=$?
last_command='repl'
expect_status 0
expect_err_like "^hint: did you mean 'counter'[?]\$"
finish
