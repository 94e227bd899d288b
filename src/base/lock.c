// base/lock.c - waiting for a lock: a short spin, then the futex.
//
// Owns: nothing. Thread: any. Who has slept, or may sleep, takes the lock as AWAITED: it cannot know whether
// others sleep, so giving it back wakes one more, perhaps for nothing.
#include "base/lock.h"

#include "base/futex.h"

#include <sched.h>

#define SPINS    100
#define SLEEP_NS UINT64_C(10000000) // a wake-up that the system refused costs so much

#ifdef ZVM_EXPLORE
static void spin(void) {} // the explorer decides who is next
#    undef SPINS
#    define SPINS 0
#else
static void spin(void)
{
#    ifdef __x86_64__
    __builtin_ia32_pause();
#    endif
}
#endif

void zlock_take_slow(_Atomic uint32_t *word)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t free = ZLOCK_FREE;
        // relaxed: a guess, the CAS checks it
        if (z_load_relaxed(word) == ZLOCK_FREE && z_cas_acquire(word, &free, ZLOCK_TAKEN))
            return; // PAIR lock
        spin();
    }
    while (z_exchange_acquire(word, (uint32_t)ZLOCK_AWAITED) != ZLOCK_FREE) // PAIR lock
        if (!zfutex_wait(word, ZLOCK_AWAITED, SLEEP_NS)) (void)sched_yield();
}

void zlock_wake(_Atomic uint32_t *word)
{
    (void)zfutex_wake(word, 1); // refused: the sleeper comes back by itself
}
