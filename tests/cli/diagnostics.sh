# What is said of wrong programs: each tests/diagnostics/NAME.zx gives exactly the text NAME.txt, and
# as JSON the same findings, valid under the schema. DIAGNOSTICS_UPDATE=1 writes the texts anew.
. "$(dirname "$0")/lib.bash"

folder=tests/diagnostics
schema=docs/zvm-diagnostic.schema.json

for program in "$folder"/*.zx; do
    zvm check "$program"
    expect_status 2
    expect_out ""
    wanted=${program%.zx}.txt
    if [ -n "${DIAGNOSTICS_UPDATE-}" ]; then cp "$work/err" "$wanted"; fi
    checks=$((checks + 1))
    diff -u "$wanted" "$work/err" >"$work/difference" || {
        fail "other findings than in $wanted:"
        sed 's/^/  /' "$work/difference"
    }
    cp "$work/err" "$work/text"
    zvm check --json "$program"
    expect_status 2
    expect_err ""
    checks=$((checks + 1))
    python3 tests/cli/check_diagnostics.py "$schema" "$work/out" "$work/text" || fail "bad JSON"
done

# An error at run time, on standard error; the program's output stays alone on standard output.
file=$(program error.zx <<'PROGRAM'
action greet(name, age: int) { print("hello"); return nmae }
print("a")
greet("x", 1)
PROGRAM
)
zvm run --json "$file"
expect_status 1
expect_out "a
hello"
expect_err "{\"schema\":\"zvm.diagnostic/1\",\"file\":\"$file\",\"line\":1,\"column\":55,\"end_line\":1,\
\"end_column\":55,\"severity\":\"error\",\"kind\":\"NameError\",\"message\":\"'nmae' is not defined\",\
\"hints\":[\"did you mean 'name'?\"],\"trace\":[{\"function\":\"greet\",\"file\":\"$file\",\"line\":1,\
\"column\":55},{\"function\":\"<main>\",\"file\":\"$file\",\"line\":3,\"column\":1}],\
\"trace_omitted\":0,\"isolate\":0}"
checks=$((checks + 1))
python3 tests/cli/check_diagnostics.py "$schema" "$work/err" || fail "bad JSON"

# Many isolates: the failure with the lowest number, and a note that counts them all.
zvm run --json "$file" -n 10 -w 2 --output none
expect_status 1
expect_err_lines 2
expect_err_like '"severity":"note","kind":"","message":"10 of 10 isolates failed'
python3 tests/cli/check_diagnostics.py "$schema" "$work/err" || fail "bad JSON"
zvm run --json examples/spin.zx --fuel 100000
expect_status 4
expect_err_lines 1
expect_err_like '"kind":"Termination","message":"out of fuel"'
python3 tests/cli/check_diagnostics.py "$schema" "$work/err" || fail "bad JSON"
zvm run --json "$folder/statements.zx"
expect_status 2
expect_out ""
python3 tests/cli/check_diagnostics.py "$schema" "$work/err" || fail "bad JSON"

# Any bytes come out as JSON: quotes, control characters, file names and messages that are no UTF-8.
odd=$(printf '%s/odd "\\ \001\n\377 name.zx' "$work")
printf 'let a = 12ab' >"$odd"
zvm check --json "$odd"
expect_status 2
python3 tests/cli/check_diagnostics.py "$schema" "$work/out" || fail "bad JSON"
# A cut character, an overlong form, a surrogate and a number beyond Unicode, in a name that is not there.
odd=$(printf '%s/\303 \340\200\200 \355\240\200 \364\220\200\200 \361\200\200\200.zx' "$work")
zvm check --json "$odd"
expect_status 2
checks=$((checks + 1))
python3 tests/cli/check_diagnostics.py "$schema" "$work/out" || fail "bad JSON"
expect_out_has() { grep -qF -- "$1" "$work/out" || fail "expected on stdout: $1"; }
bad='\ufffd'
expect_out_has "/$bad $bad$bad$bad $bad$bad$bad $bad$bad$bad$bad $(printf '\361\200\200\200').zx\""
odd=$(printf '%s/odd "\\ \001\n\303\251 name.zx' "$work")
printf 'throw "quote \\" backslash \\\\ bell \\u{7} nul \\0 end \\u{1F600}"' >"$odd"
zvm run --json "$odd"
expect_status 1
expect_err_like 'quote \\" backslash \\\\ bell \\u0007 nul '
python3 tests/cli/check_diagnostics.py "$schema" "$work/err" || fail "bad JSON"
zvm check --json "$work/missing.zx" "$folder/heads.zx"
expect_status 2
expect_err ""
python3 tests/cli/check_diagnostics.py "$schema" "$work/out" || fail "bad JSON"
checks=$((checks + 1))
grep -q '"kind":"FileError","message":"no such file' "$work/out" || fail "the missing file is not told"
zvm check --json examples/hello.zx
expect_status 0
expect_out ""

# Colours: never unasked for where nobody looks, always when told, and NO_COLOR only stops `auto`.
escape=$(printf '\033')
zvm check "$folder/statements.zx"
! grep -q "$escape" "$work/err" || fail "colours without a terminal"
NO_COLOR=1 zvm check --color=always "$folder/statements.zx"
expect_err_like "^$escape\\[1m$folder/statements.zx:1:12:$escape\\[0m $escape\\[1;31merror:$escape\\[0m expected"
sed "s/$escape\\[[0-9;]*m//g" "$work/err" >"$work/plain"
checks=$((checks + 1))
diff "$work/plain" "$folder/statements.txt" >/dev/null || fail "colours change the text"
zvm run --color always "$file"
expect_err_like "^$escape\\[1;36mhint:$escape\\[0m did you mean 'name'\\?$"
if command -v script >/dev/null; then
    on_terminal() { script -qec "$1" /dev/null </dev/null | grep -c "$escape\\[1;31m"; }
    checks=$((checks + 3))
    [ "$(env -u NO_COLOR TERM=xterm bash -c "$(declare -f on_terminal); escape=$escape; on_terminal '$ZVM check $folder/comment.zx'")" = 1 ] ||
        fail "no colours on a terminal"
    [ "$(NO_COLOR=1 TERM=xterm bash -c "$(declare -f on_terminal); escape=$escape; on_terminal '$ZVM check $folder/comment.zx'")" = 0 ] ||
        fail "colours in spite of NO_COLOR"
    [ "$(env -u NO_COLOR TERM=dumb bash -c "$(declare -f on_terminal); escape=$escape; on_terminal '$ZVM check $folder/comment.zx'")" = 0 ] ||
        fail "colours on a dumb terminal"
fi
zvm check --color sometimes "$folder/statements.zx"
expect_refusal 2 "--color: 'sometimes' is not a choice of colours"
zvm run --color=sometimes examples/hello.zx
expect_refusal 2 "--color: 'sometimes' is not a choice of colours"
zvm check examples/hello.zx --color
expect_refusal 2 "--color: '' is not a choice of colours"
finish
