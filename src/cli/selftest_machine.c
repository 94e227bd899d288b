// cli/selftest_machine.c - the clocks and the memory of this process, for selftest.
//
// Owns: nothing. Thread: any; the memory functions are main's.
#include "cli/selftest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#if defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
        __has_feature(memory_sanitizer)
#        define IS_SANITIZED 1
#    endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define IS_SANITIZED 1
#endif

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cli_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

struct cli_moment cli_moment_now(void)
{
    return (struct cli_moment){cli_now_ns(), read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

struct cli_elapsed cli_elapsed_since(const struct cli_moment *moment)
{
    struct cli_moment now = cli_moment_now();
    uint64_t wall = now.wall_ns - moment->wall_ns;
    uint64_t had = now.process_ns - moment->process_ns;
    return (struct cli_elapsed){wall, had < wall ? had : wall};
}

// A row of /proc/self/status, which is in KiB. 0: there is none.
static uint64_t read_status_row(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL) return 0;
    char line[256];
    uint64_t kib = 0;
    size_t length = strlen(name);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) != 0) continue;
        if (sscanf(line + length, ": %" SCNu64, &kib) != 1) kib = 0;
        break;
    }
    (void)fclose(file);
    return kib * 1024;
}

uint64_t cli_memory_bytes(void)
{
    return read_status_row("VmRSS");
}

uint64_t cli_memory_peak_bytes(void)
{
    return read_status_row("VmHWM");
}

bool cli_memory_restart(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (file == NULL) return false;
    bool ok = fputs("5", file) >= 0; // 5: the peak begins anew at what is there now
    return fclose(file) == 0 && ok;
}

bool cli_machine_is_plain(void)
{
#if defined(IS_SANITIZED) || defined(ZVM_GC_STRESS) || defined(ZVM_TINY) || \
    (defined(ZVM_DEBUG) && ZVM_DEBUG > 0)
    return false;
#else
    return true;
#endif
}
