// sched/wheel.c - times at which tokens are answered.
//
// Owns: the timers. Thread: the worker that has the wheel. No atomics: who waits for a timer's token says
// so by the token's own word.
// Invariant: a timer of level n has the digits of `now` above n, base 64, and a higher digit n. So all
// slots of a level lie behind now, the first used slot of the lowest used level is the next to look at,
// and now may go on up to it without a timer changing its place. When now comes to a slot of a higher
// level, its timers move down, each at most ZWHEEL_LEVELS - 1 times.
#include "sched/wheel.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

// Below this looking for dead timers is not worth it.
#define SWEEP_COUNT_MIN 256

void zwheel_init(struct zwheel *wheel, uint64_t now_ns)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->now = now_ns / ZWHEEL_TICK_NS;
    wheel->next_ns = ZWHEEL_NEVER;
    wheel->sweep_count = SWEEP_COUNT_MIN;
}

static void free_list(struct ztimer *timer)
{
    while (timer != NULL) {
        struct ztimer *next = timer->next;
        z_free(timer, sizeof *timer);
        timer = next;
    }
}

void zwheel_deinit(struct zwheel *wheel)
{
    for (uint32_t level = 0; level < ZWHEEL_LEVELS; level++)
        for (uint32_t slot = 0; slot < ZWHEEL_SLOTS; slot++)
            free_list(wheel->slots[level][slot]);
    free_list(wheel->spare);
}

// ---- Timers -------------------------------------------------------------------------------------

bool zwheel_reserve(struct zwheel *wheel)
{
    if (wheel->spare != NULL) return true;
    struct ztimer *timer = z_alloc(sizeof *timer);
    if (timer == NULL) return false;
    timer->next = NULL;
    wheel->spare = timer;
    wheel->spare_count++;
    return true;
}

// Kept for the next ones, but not more than there are in use.
static void put_spare(struct zwheel *wheel, struct ztimer *timer)
{
    wheel->count--;
    if (wheel->spare_count > wheel->count + SWEEP_COUNT_MIN) {
        z_free(timer, sizeof *timer);
        return;
    }
    timer->next = wheel->spare;
    wheel->spare = timer;
    wheel->spare_count++;
}

// ---- Places -------------------------------------------------------------------------------------

static uint32_t digit(uint64_t tick, uint32_t level)
{
    return (uint32_t)(tick >> level * ZWHEEL_BITS) % ZWHEEL_SLOTS;
}

// Where the tick first differs from now; they differ.
static uint32_t level_of(uint64_t now, uint64_t tick)
{
    return (63 - (uint32_t)__builtin_clzll(now ^ tick)) / ZWHEEL_BITS;
}

static void place(struct zwheel *wheel, struct ztimer *timer)
{
    ZVM_ASSERT(timer->tick > wheel->now);

    uint32_t level = level_of(wheel->now, timer->tick), slot = digit(timer->tick, level);
    timer->next = wheel->slots[level][slot];
    wheel->slots[level][slot] = timer;
    wheel->used[level] |= UINT64_C(1) << slot;
}

static uint32_t lowest_used_level(const struct zwheel *wheel)
{
    uint32_t level = 0;
    while (level < ZWHEEL_LEVELS && wheel->used[level] == 0)
        level++;
    return level;
}

// The first tick of the slot.
static uint64_t start_of(const struct zwheel *wheel, uint32_t level, uint32_t slot)
{
    uint32_t shift = level * ZWHEEL_BITS;
    uint64_t above = shift + ZWHEEL_BITS >= 64 ? 0 : wheel->now >> (shift + ZWHEEL_BITS);
    above = shift + ZWHEEL_BITS >= 64 ? 0 : above << (shift + ZWHEEL_BITS);
    return above | (uint64_t)slot << shift;
}

static void set_next(struct zwheel *wheel)
{
    uint32_t level = lowest_used_level(wheel);
    wheel->next_ns = ZWHEEL_NEVER;
    if (level == ZWHEEL_LEVELS) return;
    uint64_t tick = start_of(wheel, level, (uint32_t)__builtin_ctzll(wheel->used[level]));
    if (tick < ZWHEEL_NEVER / ZWHEEL_TICK_NS) wheel->next_ns = tick * ZWHEEL_TICK_NS;
}

void zwheel_add(struct zwheel *wheel, uint64_t at_ns, uint64_t token)
{
    ZVM_ASSERT(wheel->spare != NULL);

    struct ztimer *timer = wheel->spare;
    wheel->spare = timer->next;
    wheel->spare_count--;
    wheel->count++;
    timer->token = token;
    timer->tick = at_ns / ZWHEEL_TICK_NS + (at_ns % ZWHEEL_TICK_NS != 0);
    if (timer->tick <= wheel->now) timer->tick = wheel->now + 1;
    place(wheel, timer);
    set_next(wheel);
}

// ---- Firing -------------------------------------------------------------------------------------

static struct ztimer *take_slot(struct zwheel *wheel, uint32_t level, uint32_t slot)
{
    struct ztimer *first = wheel->slots[level][slot];
    wheel->slots[level][slot] = NULL;
    wheel->used[level] &= ~(UINT64_C(1) << slot);
    return first;
}

// now has come to the slot that these were in.
static void fire_or_move(struct zwheel *wheel, struct ztimer *timer, zwheel_fire_fn fire,
                         void *context)
{
    while (timer != NULL) {
        struct ztimer *next = timer->next;
        if (timer->tick > wheel->now) {
            place(wheel, timer);
        } else {
            fire(context, timer->token);
            put_spare(wheel, timer);
        }
        timer = next;
    }
}

void zwheel_fire(struct zwheel *wheel, uint64_t now_ns, zwheel_fire_fn fire, void *context)
{
    uint64_t now = now_ns / ZWHEEL_TICK_NS;
    for (;;) {
        uint32_t level = lowest_used_level(wheel);
        if (level == ZWHEEL_LEVELS) break;
        uint32_t slot = (uint32_t)__builtin_ctzll(wheel->used[level]);
        uint64_t tick = start_of(wheel, level, slot);
        if (tick > now) break;
        wheel->now = tick;
        fire_or_move(wheel, take_slot(wheel, level, slot), fire, context);
    }
    if (now > wheel->now) wheel->now = now;
    set_next(wheel);
}

// ---- Dead ones ----------------------------------------------------------------------------------

static void sweep_slot(struct zwheel *wheel, uint32_t level, uint32_t slot, zwheel_look_fn is_alive,
                       void *context)
{
    struct ztimer *timer = take_slot(wheel, level, slot);
    while (timer != NULL) {
        struct ztimer *next = timer->next;
        if (is_alive(context, timer->token))
            place(wheel, timer); // to where it was
        else
            put_spare(wheel, timer);
        timer = next;
    }
}

void zwheel_sweep(struct zwheel *wheel, zwheel_look_fn is_alive, void *context)
{
    for (uint32_t level = 0; level < ZWHEEL_LEVELS; level++) {
        uint64_t used = wheel->used[level]; // placing again changes the word
        for (; used != 0; used &= used - 1)
            sweep_slot(wheel, level, (uint32_t)__builtin_ctzll(used), is_alive, context);
    }
    uint32_t twice = wheel->count > UINT32_MAX / 2 ? UINT32_MAX : wheel->count * 2;
    wheel->sweep_count = twice < SWEEP_COUNT_MIN ? SWEEP_COUNT_MIN : twice;
    set_next(wheel);
}
