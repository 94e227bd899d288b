// sched/point.c - yields at schedule points, for tests.
//
// Owns: each thread's generator, and the rate, read from the environment once by whoever comes
// first (all read the same). Thread: any. Compiled away in a release.
#include "sched/point.h"

#if ZVM_DEBUG >= 1

#    include "base/atomic.h"
#    include "base/clock.h"

#    include <sched.h>
#    include <stdint.h>
#    include <stdlib.h>
#    include <time.h>

#    define RATE_UNREAD  UINT32_MAX
#    define SLEEP_ONE_IN 16 // of the yields: a nap lets a thread of the same core run for longer

static _Atomic uint32_t rate = RATE_UNREAD; // one in so many; 0: never. relaxed: a setting
static _Thread_local uint64_t random_state;

static uint32_t read_rate(void)
{
    const char *text = getenv("ZVM_POINTS");
    uint32_t value = text == NULL ? 0 : (uint32_t)strtoul(text, NULL, 10);
    z_store_relaxed(&rate, value); // relaxed: whoever reads it twice stores the same
    return value;
}

void zpoint_pass(void)
{
    uint32_t one_in = z_load_relaxed(&rate); // relaxed: a setting
    if (one_in == RATE_UNREAD) one_in = read_rate();
    if (one_in == 0) return;
    if (random_state == 0)
        random_state = zclock_thread_cpu_ns() | (uint64_t)(uintptr_t)&random_state | 1;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    uint64_t draw = random_state >> 20;
    if (draw % one_in != 0) return;
    if (draw / one_in % SLEEP_ONE_IN == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    else
        sched_yield();
}

#endif
