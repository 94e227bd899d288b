// sched/wheel.h - times at which tokens are answered. owner-thread: one worker's.
//
// A wheel has levels of 64 slots. A slot of level 0 is one tick, of level n 64^n ticks; a timer lies in
// the slot where its tick first differs from now, so every slot with timers is still to come, and the
// lowest level that has any holds the next ones.
// Timers are never taken out. When nobody waits for a timer's token any more it is dead: it lies there
// until its time comes, or until the wheel has twice as many timers as it found alive the last time, and
// looks through all of them.
#ifndef ZVM_SCHED_WHEEL_H
#define ZVM_SCHED_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZWHEEL_TICK_NS \
    UINT64_C(1000000) // what sleeps are measured in: a finer one wakes more often
#define ZWHEEL_BITS   6
#define ZWHEEL_SLOTS  (1 << ZWHEEL_BITS)
#define ZWHEEL_LEVELS 11 // so that all 64 bits of a tick have one

#define ZWHEEL_NEVER UINT64_MAX

struct ztimer {
    struct ztimer *next;
    uint64_t tick; // at which it fires
    uint64_t token;
};

// Whether somebody waits for this token: a guess, but never wrong about one that lives.
typedef bool (*zwheel_look_fn)(void *context, uint64_t token);
typedef void (*zwheel_fire_fn)(void *context, uint64_t token);

struct zwheel {
    uint64_t next_ns; // when to call zwheel_fire; ZWHEEL_NEVER: nothing lies in it
    uint64_t now;     // in ticks
    uint64_t used[ZWHEEL_LEVELS];
    struct ztimer *slots[ZWHEEL_LEVELS][ZWHEEL_SLOTS];
    struct ztimer *spare; // the next one, and what else was freed
    uint32_t count, spare_count;
    uint32_t sweep_count; // as many as this: look for dead ones
};

void zwheel_init(struct zwheel *wheel, uint64_t now_ns);
void zwheel_deinit(struct zwheel *wheel);

// Memory for one timer. False: there is none.
bool zwheel_reserve(struct zwheel *wheel);
// Not before at_ns, and at most a tick later. Uses what was reserved.
void zwheel_add(struct zwheel *wheel, uint64_t at_ns, uint64_t token);
// After a few of zwheel_add, whether it is time to look for dead timers.
static inline bool zwheel_is_crowded(const struct zwheel *wheel)
{
    return wheel->count >= wheel->sweep_count;
}
// Frees the dead ones. cost: linear in all; constant for each that was ever added.
void zwheel_sweep(struct zwheel *wheel, zwheel_look_fn is_alive, void *context);
// Fires all whose time has come. `fire` must not use the wheel.
void zwheel_fire(struct zwheel *wheel, uint64_t now_ns, zwheel_fire_fn fire, void *context);

#endif // ZVM_SCHED_WHEEL_H
