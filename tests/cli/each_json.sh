# zvm each and Python's json are of one mind about what is JSON, and about what it says.
. "$(dirname "$0")/lib.bash"

exec python3 tests/cli/each_json.py "$ZVM"
