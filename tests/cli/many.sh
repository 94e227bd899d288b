# Many isolates run in flat memory: the peak of a long run is that of a short one.
. "$(dirname "$0")/lib.bash"

# Under AddressSanitizer freed memory is kept back for a while; here that would be all there is to see.
export ASAN_OPTIONS="${ASAN_OPTIONS-}${ASAN_OPTIONS:+:}quarantine_size_mb=1"

peak_kib() { # WORDS...
    python3 -c '
import os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(process, 0)
print(usage.ru_maxrss if os.waitstatus_to_exitcode(status) == 0 else 0)' "$ZVM" "$@"
}

for output in none all; do
    last_command="run hello.zx -n 200000 --output $output"
    few=$(peak_kib run examples/hello.zx -n 10000 -w 2 --output $output)
    many=$(peak_kib run examples/hello.zx -n 200000 -w 2 --output $output)
    checks=$((checks + 2))
    [ "$few" -gt 0 ] && [ "$many" -gt 0 ] || fail "a run failed"
    [ "$many" -lt $((few + few / 2 + 8192)) ] || fail "the peak grew from $few KiB to $many KiB"
done

# What each has spawned ends with it, several at once; each is counted once, or the run never ends.
cat >"$work/family.zx" <<'END'
action wait() { receive() }
for each i in range(4) { spawn wait() }
END
last_command="run family.zx -n 20000 -w 4"
for round in 1 2 3; do
    timeout 300 "$ZVM" run "$work/family.zx" -n 20000 -w 4 >"$work/out" 2>"$work/err"
    status=$?
    expect_status 0
    expect_err ""
done
finish
