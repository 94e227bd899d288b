# The commands and the program of README.md are run. A fenced block marked `zx` is a program; its first
# line `// NAME.zx` says under which name it is saved. In a block marked `console` each line that begins
# with `$ ` is run, with build/release/zvm being the tested command, and the lines after it are what it
# must print on stdout; a line `...` stands for any lines, and `…` for any text in a line. A block marked
# `console release` shows figures of a release build, and is run where that is tested.
. "$(dirname "$0")/lib.bash"

last_command="(README.md)"
checks=1
python3 tests/cli/run_readme.py README.md "$ZVM" >"$work/out" 2>"$work/err" || {
    status=1
    fail "README.md does not tell the truth"
}
tail -1 "$work/out"
finish
