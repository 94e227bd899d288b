# Killed at some moment, zvm leaves no half-written file. Thousands of moments: tests/cli/kills.py.
. "$(dirname "$0")/lib.bash"

exec python3 tests/cli/kills.py "$ZVM" --moments 32
