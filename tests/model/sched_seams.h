// tests/model/sched_seams.h - what the scheduler's sources call below themselves, for models.
//
// Included by one file of a model. Sleeps have no end here: a lost wake-up is a thread that sleeps
// for ever, which the explorer reports.
#ifndef ZVM_TESTS_MODEL_SCHED_SEAMS_H
#define ZVM_TESTS_MODEL_SCHED_SEAMS_H

#include "base/clock.h"
#include "base/futex.h"
#include "model.h"
#include "sched/nap.h"
#include "sched/point.h"

bool zfutex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    (void)timeout_ns;
    zx_futex_wait(word, expected);
    return true;
}

bool zfutex_wake(_Atomic uint32_t *word, uint32_t count)
{
    zx_futex_wake(word, count);
    return true;
}

void znap_once(void)
{
    zx_yield();
}

// weak: where the native form of a model links the library, its own clock may come along.
__attribute__((weak)) uint64_t zclock_system_now_ns(void)
{
    return 1;
}

#endif // ZVM_TESTS_MODEL_SCHED_SEAMS_H
