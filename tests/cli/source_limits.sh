# The limits of the compiler: accepted below and at each, refused with its place above it.
. "$(dirname "$0")/lib.bash"
checks=1
last_command="check, see tests/cli/source_limits.py"
python3 tests/cli/source_limits.py "$ZVM" >&9 || fail "limits"
finish
