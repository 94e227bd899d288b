// tests/model/model_group.c - isolates come into a group, use its fuel and leave, while it is cancelled,
// and are followed by somebody who frees it.
//
// The real sums and words (vm/group.h). Three isolates enter, twice, under a limit of two at a time, take
// fuel for a slice, use a part and give the rest back, or use all and take more, and leave; one thread
// cancels; another one frees the group when nobody will enter any more and nobody is inside. Wanted:
// never more isolates inside than the limit, nor more fuel used; fuel that was not used is back in the
// end; who frees sees all that was done inside, and nobody touches the group afterwards.
// Bugs: look_first: an isolate looks for room before it counts itself. use_first: what a slice needs
// beyond what it took is counted when it has been used. lost_give: fuel is given back by a read and a
// write. relaxed_leave: who sees the group empty need not see what was done inside. early_leave: an
// isolate leaves before it gives back.
#include "model.h"

#include "vm/group.h"

#define ISOLATES 3
#define INSIDE   2 // at a time
#define TURNS    2
#define FUEL     4 // a slice takes 2; its first turn uses 1 of them, its second one more than 2

enum bug { LOOK_FIRST = 1, USE_FIRST, LOST_GIVE, RELAXED_LEAVE, EARLY_LEAVE };

static struct zgroup group;
static uint32_t done[ISOLATES]; // plain: written inside
static uint32_t is_freed;       // plain: written by who frees, read inside
static _Atomic uint32_t used;   // fuel, in all
static _Atomic uint32_t last;   // isolates that will not enter any more

static void setup(void)
{
    static const struct zgroup empty;
    group = empty;
    group.isolates.limit = INSIDE;
    group.fuel.limit = FUEL;
    for (uint32_t i = 0; i < ISOLATES; i++)
        done[i] = 0;
    is_freed = 0;
    atomic_init(&used, 0);
    atomic_init(&last, 0);
    zx_name(&group.isolates.taken, "isolates");
    zx_name(&group.fuel.taken, "fuel");
    zx_name(&group.is_cancelled, "cancelled");
    if (zmodel_bug == RELAXED_LEAVE)
        zx_weaken(&group.isolates.taken, sizeof group.isolates.taken, ZX_STORES);
}

static bool enter(void)
{
    if (zmodel_bug != LOOK_FIRST) return zgroup_enter(&group);
    if (zsum_left(&group.isolates) == 0) return false;
    zsum_add(&group.isolates, 1);
    return true;
}

static void settle(uint64_t left)
{
    zx_assert(zx_plain_read(&is_freed) == 0);
    if (left == 0) return;
    if (zmodel_bug == LOST_GIVE)
        z_store_relaxed(&group.fuel.taken, z_load_relaxed(&group.fuel.taken) - left);
    else
        zsum_give(&group.fuel, left);
}

static void use(uint32_t units)
{
    zx_assert(z_fetch_add_relaxed(&used, units) + units <= FUEL);
}

static void use_one_more(void)
{
    if (zmodel_bug != USE_FIRST) {
        if (zsum_take(&group.fuel, 1, 1) == 1) use(1);
        return;
    }
    if (zsum_left(&group.fuel) == 0) return;
    use(1);
    zsum_add(&group.fuel, 1);
}

// What it has left of what it took.
static uint64_t run_slice(uint32_t own, bool is_first)
{
    zx_plain_write(&done[own], done[own] + 1);
    if (zgroup_is_cancelled(&group)) return 0;
    uint64_t taken = zsum_take(&group.fuel, 1, 2);
    if (taken == 0) return 0;
    use(is_first ? 1 : (uint32_t)taken);
    if (is_first) return taken - 1;
    use_one_more();
    return 0;
}

static void live(uint32_t own)
{
    for (uint32_t i = 0; i < TURNS; i++) {
        bool is_in = enter();
        if (is_in) zx_assert(z_load_relaxed(&group.isolates.taken) <= INSIDE);
        if (i == TURNS - 1) z_fetch_add_acq_rel(&last, 1); // as the host must
        if (!is_in) continue;
        uint64_t left = run_slice(own, i == 0);
        if (zmodel_bug == EARLY_LEAVE) zgroup_leave(&group);
        settle(left);
        if (zmodel_bug != EARLY_LEAVE) zgroup_leave(&group);
    }
}

static void free_group(void)
{
    while (z_load_acquire(&last) < ISOLATES || !zgroup_is_empty(&group))
        zx_yield();
    zx_plain_write(&is_freed, 1);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ISOLATES; i++)
        sum += zx_plain_read(&done[i]);
    zx_assert(sum <= ISOLATES * TURNS);
}

static void body(uint32_t thread)
{
    if (thread < ISOLATES)
        live(thread);
    else if (thread == ISOLATES)
        zgroup_mark_cancelled(&group);
    else
        free_group();
}

static void check(void)
{
    zx_assert(zgroup_is_empty(&group));
    zx_assert(zgroup_is_cancelled(&group));
    zx_assert(z_load_relaxed(&group.fuel.taken) == z_load_relaxed(&used));
}

static const struct zmodel_bug bugs[] = {
    {.name = "look_first", .random_max = 1000, .pct_max = 1000},
    {.name = "use_first", .random_max = 20000, .pct_max = 20000},
    {.name = "lost_give", .random_max = 20000, .pct_max = 20000},
    {.name = "relaxed_leave", .random_max = 1000, .pct_max = 1000},
    {.name = "early_leave", .random_max = 20000, .pct_max = 20000},
};

const struct zmodel zmodel_program = {
    .name = "group",
    .thread_count = ISOLATES + 2,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
