// base/lock.h - a lock of four bytes, for what is held for a few instructions.
//
// thread: any. Where there are as many locks as isolates, a pthread_mutex_t of 40 bytes is too large.
// shared: the word. PAIR lock: acquire by who takes it, release by who gives it back.
//   0: free   1: taken   2: taken, and somebody may sleep at it
// Whoever holds one calls nothing that may sleep, allocate or take another lock: so a thread that loses
// its core while it has one keeps waiting only those who want the same thing.
#ifndef ZVM_BASE_LOCK_H
#define ZVM_BASE_LOCK_H

#include "base/assert.h"
#include "base/atomic.h"

#include <stdint.h>

enum { ZLOCK_FREE, ZLOCK_TAKEN, ZLOCK_AWAITED };

ZVM_COLD void zlock_take_slow(_Atomic uint32_t *word);
ZVM_COLD void zlock_wake(_Atomic uint32_t *word);

static inline void zlock_take(_Atomic uint32_t *word)
{
    uint32_t free = ZLOCK_FREE;
    if (ZVM_UNLIKELY(!z_cas_acquire(word, &free, (uint32_t)ZLOCK_TAKEN))) // PAIR lock
        zlock_take_slow(word);
}

static inline void zlock_give(_Atomic uint32_t *word)
{
    // acq_rel: only because there is no exchange that is but a release.
    uint32_t was = z_exchange_acq_rel(word, (uint32_t)ZLOCK_FREE); // PAIR lock
    ZVM_CHECK(was != ZLOCK_FREE);
    if (ZVM_UNLIKELY(was == ZLOCK_AWAITED)) zlock_wake(word);
}

#endif // ZVM_BASE_LOCK_H
