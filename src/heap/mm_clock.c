// heap/mm_clock.c - when the objects of a memory manager were made.
//
// Owns: nothing. Thread: owner.
// An object has its stamp beside its index: ticks of 4 ms since the manager was made. Reading the clock
// costs more than all the rest of an allocation, so calls share a look at it: those that make objects
// one right after the other, with no call between that could keep one of them or ask for its age.
// How many may is found out: twice as many after each look that came soon after the last one, up to
// ZMM_LOOK_SHARED_MAX, and only one again after a pause. So what can be wrong is this: when a
// program that has made objects in a row pauses in the middle of the row, the rest of those that share
// the look count the pause as theirs. A history wants the time of each call, and nothing is shared.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

#include "base/clock.h"

#define PAUSE_NS UINT64_C(10000000) // above the tick of any system's coarse clock

static uint64_t stamp_of(const struct zmm *mm, uint64_t now_ns)
{
    return (now_ns - mm->made_ns) >> ZMM_TICK_NS_BITS << ZMM_INDEX_BITS;
}

void zmm_look(struct zmm *mm)
{
    uint64_t now = zclock_coarse_ns();
    bool is_single = mm->history_capacity != 0 || now - mm->looked_ns > PAUSE_NS;
    mm->looks_shared = is_single ? 1 : mm->looks_shared * 2;
    if (mm->looks_shared > ZMM_LOOK_SHARED_MAX) mm->looks_shared = ZMM_LOOK_SHARED_MAX;
    mm->looks_left = mm->looks_shared;
    mm->looked_ns = now;
    mm->stamp = stamp_of(mm, now);
}

uint64_t zmm_age_ns(const struct zmm *mm, const struct zobject *object)
{
    uint64_t word = *zmm_word((struct zobject *)(uintptr_t)object);
    uint64_t made = word >> ZMM_INDEX_BITS << ZMM_INDEX_BITS;
    return (stamp_of(mm, zclock_coarse_ns()) - made) >> ZMM_INDEX_BITS << ZMM_TICK_NS_BITS;
}
