# zvm each as a part of a pipe and of a night's work: what is ready is told at once, a slow row holds back none before
# it, and a run that is killed again and again comes to the file of one that was not.
. "$(dirname "$0")/lib.bash"

exec python3 tests/cli/each_flow.py "$ZVM"
