// tests/model/explore_choice.c - which thread goes on, and which store a load returns.
//
// Owns: the random numbers and the plan of the current execution. One seed decides everything, so
// an execution repeats exactly. How eager a random execution is to switch threads and to read old
// stores is drawn per execution: shallow bugs like much of both, deep ones like long runs of one
// thread.
#include "explore.h"

#define SPIN_STEPS_MAX 1000 // PCT: whoever makes so many steps in a row waits for somebody

static struct {
    enum zx_mode mode;
    uint64_t state;
    uint32_t stay;   // of 64: go on with the same thread
    uint32_t newest; // of 64: read the newest store
    int32_t priority_min;
    uint32_t change_count;
    uint32_t changes[ZX_CLOCK_COUNT]; // steps at which the current thread becomes the last, rising
    uint32_t change_next;
} choice;

static uint64_t next_random(void) // xorshift64*
{
    uint64_t x = choice.state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    choice.state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D) >> 32; // the high half is the good one
}

static uint32_t random_below(uint32_t count)
{
    return (uint32_t)(next_random() * count >> 32);
}

// ---- PCT: priorities ----------------------------------------------------------------------------

static void draw_priorities(void)
{
    uint32_t count = zx.thread_count - 1;
    for (uint32_t i = 1; i <= count; i++)
        zx.threads[i].priority = (int32_t)i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = 1 + random_below(i);
        int32_t priority = zx.threads[i].priority;
        zx.threads[i].priority = zx.threads[other].priority;
        zx.threads[other].priority = priority;
    }
    choice.priority_min = 0;
}

static void draw_changes(const struct zx_plan *plan)
{
    choice.change_next = 0;
    choice.change_count = plan->depth - 1;
    for (uint32_t i = 0; i < choice.change_count; i++) {
        uint32_t step = 1 + random_below(plan->length), at = i;
        for (; at > 0 && choice.changes[at - 1] > step; at--)
            choice.changes[at] = choice.changes[at - 1];
        choice.changes[at] = step;
    }
}

static void make_last(struct zx_thread *thread)
{
    thread->priority = --choice.priority_min;
}

static uint32_t pct_choose_thread(uint32_t mask)
{
    if (choice.change_next < choice.change_count &&
        zx.steps >= choice.changes[choice.change_next]) {
        choice.change_next++;
        make_last(zx_self());
    }
    if (zx.steps_in_a_row > SPIN_STEPS_MAX) make_last(zx_self());
    uint32_t best = ZX_CLOCK_COUNT;
    for (uint32_t i = 1; i < zx.thread_count; i++) {
        if ((mask >> i & 1) == 0) continue;
        if (best == ZX_CLOCK_COUNT || zx.threads[i].priority > zx.threads[best].priority) best = i;
    }
    return best;
}

// ---- Random -------------------------------------------------------------------------------------

static uint32_t random_choose_thread(uint32_t mask)
{
    uint32_t count = (uint32_t)__builtin_popcount(mask);
    bool may_stay = (mask >> zx.current & 1) != 0;
    if (count > 1 && may_stay && random_below(64) < choice.stay) return zx.current;
    for (uint32_t skip = count > 1 ? random_below(count) : 0; skip > 0; skip--)
        mask &= mask - 1;
    return (uint32_t)__builtin_ctz(mask);
}

// ---- All modes ----------------------------------------------------------------------------------

void zx_choice_begin(const struct zx_plan *plan)
{
    static const uint8_t stays[] = {0, 32, 48, 60};
    static const uint8_t newests[] = {0, 32, 48, 60};
    choice.mode = plan->mode;
    if (plan->mode == ZX_DFS) {
        zx_dfs_begin();
        return;
    }
    choice.state = plan->seed | 1;
    for (int i = 0; i < 4; i++)
        next_random(); // seeds that differ in few bits part
    choice.stay = stays[random_below(4)];
    choice.newest = newests[random_below(4)];
    if (plan->mode != ZX_PCT) return;
    draw_priorities();
    draw_changes(plan);
}

uint32_t zx_choose_thread(uint32_t ready_mask)
{
    if (choice.mode == ZX_DFS) return zx_dfs_choose_thread(ready_mask);
    if (choice.mode == ZX_PCT) return pct_choose_thread(ready_mask);
    return random_choose_thread(ready_mask);
}

uint32_t zx_choose_value(uint32_t count)
{
    if (count == 1) return 0;
    if (choice.mode == ZX_DFS) return zx_dfs_choose_value(count);
    if (random_below(64) < choice.newest) return 0;
    return random_below(count);
}

uint32_t zx_choose_store(uint32_t count)
{
    struct zx_thread *self = zx_self();
    if (choice.mode != ZX_DFS || count == 1) return zx_choose_value(count);
    if (self->stale_left == 0) return 0;
    uint32_t chosen = zx_dfs_choose_value(count);
    if (chosen > 0) self->stale_left--;
    return chosen;
}

bool zx_choose_oddity(void)
{
    return choice.mode != ZX_DFS && random_below(16) == 0;
}

void zx_choice_yield(void)
{
    if (choice.mode == ZX_PCT) make_last(zx_self());
}
