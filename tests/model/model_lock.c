// tests/model/model_lock.c - the lock of four bytes: one holder at a time, and nobody sleeps beside a free one.
// With: src/base/lock.c
//
// Three threads take the real lock, twice each, count under it and give it back; the explorer has no end for a
// sleep, so a wake-up that is lost is a deadlock, where the lock itself would come back after a while. Wanted:
// no race on what is counted, and all counts. Bugs: relaxed_take: taking orders nothing; relaxed_give: giving
// orders nothing; no_wake: who gives it back wakes nobody; modest: who has slept takes it as if nobody else
// did; blind_sleep: who finds it taken sleeps without having said so.
#include "model.h"
#include "sched_seams.h"

#include "base/lock.h"

enum bug { RELAXED_TAKE = 1, RELAXED_GIVE, NO_WAKE, MODEST, BLIND_SLEEP };

#define THREADS 3
#define TURNS   2

static _Atomic uint32_t lock;
static uint32_t counted; // under the lock

static void setup(void)
{
    atomic_init(&lock, ZLOCK_FREE);
    counted = 0;
    zx_name(&lock, "lock");
    zx_name(&counted, "counted");
    if (zmodel_bug == RELAXED_TAKE) zx_weaken(&lock, sizeof lock, ZX_LOADS);
    if (zmodel_bug == RELAXED_GIVE) zx_weaken(&lock, sizeof lock, ZX_STORES);
}

// As zlock_take, but for what it takes, or says, when it is not free.
static void take_badly(uint32_t mark_before, uint32_t mark_after)
{
    uint32_t free = ZLOCK_FREE, taken = ZLOCK_TAKEN;
    if (z_cas_acquire(&lock, &free, (uint32_t)ZLOCK_TAKEN)) return;
    for (;;) {
        (void)z_cas_acquire(&lock, &taken, mark_before);
        zx_futex_wait(&lock, mark_before);
        free = ZLOCK_FREE;
        taken = ZLOCK_TAKEN;
        if (z_cas_acquire(&lock, &free, mark_after)) return;
    }
}

static void take(void)
{
    if (zmodel_bug == MODEST)
        take_badly(ZLOCK_AWAITED, ZLOCK_TAKEN);
    else if (zmodel_bug == BLIND_SLEEP)
        take_badly(ZLOCK_TAKEN, ZLOCK_AWAITED);
    else
        zlock_take(&lock);
}

static void give(void)
{
    if (zmodel_bug == NO_WAKE)
        (void)z_exchange_acq_rel(&lock, (uint32_t)ZLOCK_FREE);
    else
        zlock_give(&lock);
}

static void body(uint32_t thread)
{
    (void)thread;
    for (uint32_t i = 0; i < TURNS; i++) {
        take();
        zx_plain_write(&counted, zx_plain_read(&counted) + 1);
        give();
    }
}

static void check(void)
{
    zx_assert(counted == THREADS * TURNS);
    zx_assert(z_load_relaxed(&lock) == ZLOCK_FREE);
}

static const struct zmodel_bug bugs[] = {
    {.name = "relaxed_take", .random_max = 1000, .pct_max = 1000},
    {.name = "relaxed_give", .random_max = 1000, .pct_max = 1000},
    {.name = "no_wake", .random_max = 1000, .pct_max = 1000},
    {.name = "modest", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_sleep", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "lock",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
