// sched/inside.c - in whose callbacks a thread is, so that a call back into them is refused.
//
// Owns: nothing; an entry is on the stack of the call, or in its lane. Thread: each has a list of its own.
#include "sched/sched_internal.h"

static _Thread_local const struct zinside *inside_of_thread; // the innermost

void zinside_enter(struct zinside *inside, const struct zsched *sched, const struct zisolate *iso)
{
    *inside = (struct zinside){.sched = sched, .iso = iso, .outer = inside_of_thread};
    inside_of_thread = inside;
}

void zinside_leave(const struct zinside *inside)
{
    inside_of_thread = inside->outer;
}

bool zsched_is_running_here(const struct zisolate *iso)
{
    const struct zinside *inside = inside_of_thread;
    while (inside != NULL && inside->iso != iso)
        inside = inside->outer;
    return inside != NULL;
}

bool zsched_is_inside(const struct zsched *sched)
{
    const struct zinside *inside = inside_of_thread;
    while (inside != NULL && inside->sched != sched)
        inside = inside->outer;
    return inside != NULL || zworker_current(sched) != NULL || zblocking_is_own(&sched->blocking);
}
