// sched/event.c - waiting for an event, and raising it.
//
// Owns: nothing. Thread: any.
#include "sched/event.h"

#include "base/clock.h"
#include "base/futex.h"
#include "sched/nap.h"

bool zevent_wait(struct zevent *event, uint32_t seen, uint64_t end_ns)
{
    uint64_t wait_ns = ZNAP_NS_MAX;
    if (end_ns != UINT64_MAX) {
        uint64_t now_ns = zclock_system_now_ns();
        if (now_ns >= end_ns) return false;
        if (end_ns - now_ns < wait_ns) wait_ns = end_ns - now_ns;
    }
    if (!zfutex_wait(&event->count, seen, wait_ns)) znap_once();
    return true;
}

void zevent_raise(struct zevent *event)
{
    z_fetch_add_acq_rel(&event->count, 1);             // PAIR event
    (void)zfutex_wake(&event->count, UINT32_MAX >> 1); // refused: they look again by themselves
}
