# Programs of several files: run, check and dis find the modules from any working folder, name their files,
# and read nothing outside the program's folder.
. "$(dirname "$0")/lib.bash"

mkdir -p "$work/app/lib"
cat >"$work/app/main.zx" <<'END'
use "./lib/text.zx" as text
print(text.shout("hi"))
END
cat >"$work/app/lib/text.zx" <<'END'
export action shout(s) { return s.upper() + "!" }
export action fail() { return [][1] }
END
cat >"$work/app/fails.zx" <<'END'
use { fail } from "./lib/text.zx"
fail()
END
echo 'export let v = "stolen"' >"$work/outside.zx"

zvm run "$work/app/main.zx" -n 100 -w 2
expect_status 0
expect_out "HI!"
zvm check "$work/app/main.zx" "$work/app/fails.zx"
expect_status 0
expect_err ""
zvm dis "$work/app/main.zx"
expect_status 0
grep -q "^function[0-9]* shout: .* in $work/app/lib/text.zx\$" "$work/out" ||
    fail "dis does not name the file of a module"

# Names of files are those that work from here.
folder=$PWD
cd "$work/app" || exit 1
zvm run fails.zx
expect_status 1
expect_err_like "^lib/text.zx:2:33: IndexError: "
expect_err_like "^at fail [(]lib/text.zx:2:33[)]"
expect_err_like "^at <main> [(]fails.zx:2:1[)]"
"$ZVM" run - >"$work/out" 2>"$work/err" <main.zx
status=$?
last_command="run - <main.zx"
expect_status 0
expect_out "HI!"
cd "$folder" || exit 1

# What is wrong with a module is told with the way to it; nothing runs.
echo 'use "./gone.zx" as gone' >"$work/app/lib/broken.zx"
printf 'print("never")\nuse "./lib/broken.zx" as b\n' >"$work/app/uses.zx"
zvm run "$work/app/uses.zx"
expect_status 2
expect_out ""
expect_err_like "/app/lib/broken.zx:1:5: error: cannot use module \"./gone.zx\": there is no such file"
expect_err_like "/app/uses.zx:2:5: note: .*/app/lib/broken.zx is used here\$"
zvm check "$work/app/uses.zx"
expect_status 2

# What may be meant by a name that is not there.
hinted() { # the text of a program and the hint that it gets
    printf '%s\n' "$1" >"$work/app/hinted.zx"
    zvm check "$work/app/hinted.zx"
    expect_status 2
    expect_err_like "^hint: $2\$"
}
hinted 'use "./lib/txet.zx" as text' 'did you mean "./lib/text.zx"[?]'
hinted 'use "./lib/text" as text' 'did you mean "./lib/text.zx"[?]'
hinted 'use "./lob/text.zx" as text' 'did you mean "./lib/text.zx"[?]'
hinted 'use "./lib/../lib/txet.zx" as text' 'did you mean "./lib/../lib/text.zx"[?]'
hinted 'use { shuot } from "./lib/text.zx"' "did you mean 'shout'[?]"
hinted 'use "./lib/text.zx" as t
t.shuot("x")' "did you mean 'shout'[?]"
printf 'use "./lib/nothing_like_it.zx" as text\n' >"$work/app/hinted.zx"
zvm check "$work/app/hinted.zx"
expect_status 2
if grep -q '^hint' "$work/err"; then fail "a hint where nothing is near"; fi

# Of names that a module does not have each is told, and nothing that only follows from them.
printf 'use { shuot, fial } from "./lib/text.zx"\nprint(shuot(1), fial)\nshuot("x")\n' \
    >"$work/app/two.zx"
zvm check "$work/app/two.zx"
expect_status 2
test "$(grep -c ': error: ' "$work/err")" = 2 || fail "not exactly two errors"

# As data: the file of the module, and the way to it as notes.
zvm check --json "$work/app/uses.zx"
expect_status 2
expect_err ""
test "$(wc -l <"$work/out")" = 2 || fail "not a finding and a note"
grep -q '"file":"[^"]*/app/lib/broken.zx","line":1,"column":5,.*"severity":"error"' "$work/out" ||
    fail "no finding in the module"
grep -q '"file":"[^"]*/app/uses.zx","line":2,"column":5,.*"severity":"note".*is used here"' \
    "$work/out" || fail "no note of the use"

# An uncaught error in a module has its hint, of names and of parameters.
cat >"$work/app/lib/wrong.zx" <<'END'
export action twice(number, what) { return number + what }
export action misspelt() { return twcie(1, 2) }
END
printf 'use "./lib/wrong.zx" as w\nlet other = 1\nw.misspelt()\n' >"$work/app/misspelt.zx"
zvm run "$work/app/misspelt.zx"
expect_status 1
expect_err_like "/app/lib/wrong.zx:2:35: NameError: "
expect_err_like "^hint: did you mean 'twice'[?]\$"
printf 'use { twice } from "./lib/wrong.zx"\ntwice(1)\n' >"$work/app/few.zx"
zvm run "$work/app/few.zx"
expect_status 1
expect_err_like "^hint: 'twice' takes [(]number, what[)]\$"

# Neither `..` nor a link leads out of the folder.
echo 'use "../outside.zx" as o' >"$work/app/up.zx"
zvm run "$work/app/up.zx"
expect_status 2
expect_err_like "/app/up.zx:1:5: error: .*: the path leads above the root folder"
ln -s ../../outside.zx "$work/app/lib/link.zx"
echo 'use "./lib/link.zx" as o' >"$work/app/through.zx"
zvm run "$work/app/through.zx"
expect_status 2
expect_err_like "/app/through.zx:1:5: error: .*: a symbolic link leads out of the root folder"
if grep -q stolen "$work/out" "$work/err"; then fail "a file outside the folder was read"; fi

# A program reached by a link has its modules where it really is.
ln -s app/main.zx "$work/tool"
zvm run "$work/tool"
expect_status 0
expect_out "HI!"

# One that has lost its working folder runs, as long as it needs no modules.
mkdir "$work/lost"
cd "$work/lost" && rmdir "$work/lost"
"$ZVM" run - >"$work/out" 2>"$work/err" <<<'print(1)'
status=$?
last_command="run - in a folder that is gone"
expect_status 0
expect_out 1
cd "$folder" || exit 1

finish
