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

# Many alive at once, each waiting for a message, woken in an order that jumps: at most 3 KiB for each. And many that
# nobody waits for, one after the other: the memory of a few.
alive=20000 started=200000
if [ "${ZVM_TEST_LONG:-0}" = 1 ]; then alive=1000000 started=10000000; fi
cat >"$work/spawns.zx" <<'END'
action nothing(i) { i }
let count = int(args[0])
for each i in range(count) { spawn nothing(i) }
END
last_command="run waiting.zx -- $alive"
checks=$((checks + 2))
base=$(peak_kib run bench/messages/waiting.zx --heap-limit 1G -- 10)
peak=$(peak_kib run bench/messages/waiting.zx --heap-limit 1G -- $alive)
[ "$base" -gt 0 ] && [ "$peak" -gt 0 ] || fail "a run failed"
! is_release || [ "$peak" -lt $((base + alive * 3)) ] || fail "$alive that wait take $((peak - base)) KiB"
last_command="run spawns.zx -- $started"
checks=$((checks + 2))
few=$(peak_kib run "$work/spawns.zx" --spawn-limit 20000000 -- 20000)
many=$(peak_kib run "$work/spawns.zx" --spawn-limit 20000000 -- $started)
[ "$few" -gt 0 ] && [ "$many" -gt 0 ] || fail "a run failed"
[ "$many" -lt $((few + few / 2 + 8192)) ] || fail "the peak grew from $few KiB to $many KiB"
finish
