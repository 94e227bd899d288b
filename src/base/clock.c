// base/clock.c - monotonic time and the CPU time of a thread.
//
// Thread: any. CLOCK_MONOTONIC is read in user space (no system call); thread CPU time costs a
// system call, so callers take it per slice at most.
#include "base/clock.h"

#include "base/assert.h"
#include "base/atomic.h"

#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static _Thread_local _Atomic uint64_t *given; // NULL: none. Only this thread writes it.

_Atomic uint64_t *zclock_use(_Atomic uint64_t *ns)
{
    _Atomic uint64_t *before = given;
    given = ns;
    return before;
}

void zclock_pass(uint64_t ns)
{
    if (ZVM_UNLIKELY(given != NULL)) z_count_add(given, ns); // relaxed: a time, others only show it
}

static uint64_t read_system(clockid_t clock)
{
    struct timespec now;
    // Both clocks are always there on Linux: a failure means that the stack is broken.
    ZVM_CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t read_clock(clockid_t clock)
{
    if (ZVM_UNLIKELY(given != NULL))
        return z_load_relaxed(given); // relaxed: its own thread writes it
    return read_system(clock);
}

uint64_t zclock_system_now_ns(void)
{
    return read_system(CLOCK_MONOTONIC);
}

uint64_t zclock_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t zclock_coarse_ns(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

uint64_t zclock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
