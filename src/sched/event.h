// sched/event.h - something that happens again and again, and threads that wait for the next time.
//
// shared: a count of how often. A waiter looks at the event, then asks in some other word to be
// woken (and finds out whether what it waits for is there already), then waits until the count is
// another one. Who makes it happen finds the wish in that other word, and raises the event.
// PAIR event: raising is release, looking acquire. No raise is missed: the look comes before the
// wish, and the raise after the wish was seen, so the count has changed since the look.
#ifndef ZVM_SCHED_EVENT_H
#define ZVM_SCHED_EVENT_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

struct zevent {
    _Atomic uint32_t count;
};

static inline uint32_t zevent_look(const struct zevent *event)
{
    return z_load_acquire(&event->count); // PAIR event
}

// Sleeps until the count is not `seen`, the time end_ns has come (UINT64_MAX: never), or for no
// reason. False: end_ns has come.
bool zevent_wait(struct zevent *event, uint32_t seen, uint64_t end_ns);
void zevent_raise(struct zevent *event);

#endif // ZVM_SCHED_EVENT_H
