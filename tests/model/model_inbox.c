// tests/model/model_inbox.c - an inbox: pushed by several, taken whole by several.
//
// The real inbox (sched/inbox.h). Two threads push two isolates each; the owner and a thief take all
// there is, twice each. Wanted: every isolate comes out once, with its contents seen, each pusher's
// own in the order in which it pushed them.
// Bugs: relaxed_push: the taker need not see the links or the contents. relaxed_take: the same from
// the other side. plain_push: pushed by a store, over another's. plain_take: taken by a load and a
// store: an isolate pushed in between is lost, or two takers have the same list.
#include "model.h"

#include "sched/inbox.h"

#define PUSHERS 2
#define EACH    2 // isolates a pusher

enum bug { RELAXED_PUSH = 1, RELAXED_TAKE, PLAIN_PUSH, PLAIN_TAKE };

static struct zinbox inbox;
static struct zisolate isolates[PUSHERS * EACH]; // id: plain, written before the push
static uint32_t taken[PUSHERS * EACH + 1];       // plain: by whoever took it

static void setup(void)
{
    atomic_init(&inbox.newest, NULL);
    for (uint32_t i = 0; i < PUSHERS * EACH; i++) {
        atomic_init(&isolates[i].queue_next, NULL);
        isolates[i].id = 0;
        taken[i + 1] = 0;
    }
    zx_name(&inbox.newest, "newest");
    if (zmodel_bug == RELAXED_PUSH) zx_weaken(&inbox.newest, sizeof inbox.newest, ZX_STORES);
    if (zmodel_bug == RELAXED_TAKE) zx_weaken(&inbox.newest, sizeof inbox.newest, ZX_LOADS);
}

static void push(struct zisolate *iso)
{
    if (zmodel_bug != PLAIN_PUSH) {
        zinbox_push(&inbox, iso);
        return;
    }
    z_store_relaxed(&iso->queue_next, z_load_relaxed(&inbox.newest));
    z_store_seq_cst(&inbox.newest, iso);
}

static struct zisolate *take(void)
{
    if (zmodel_bug != PLAIN_TAKE) return zinbox_take(&inbox);
    struct zisolate *newest = z_load_acquire(&inbox.newest);
    z_store_release(&inbox.newest, NULL);
    return newest;
}

static void push_own(uint32_t pusher)
{
    for (uint32_t i = 0; i < EACH; i++) {
        struct zisolate *iso = &isolates[pusher * EACH + i];
        zx_plain_write(&iso->id, (int64_t)(pusher * EACH + i + 1));
        push(iso);
    }
}

static void take_all(void)
{
    int64_t last[PUSHERS] = {0};
    struct zisolate *iso = zinbox_reverse(take());
    for (; iso != NULL; iso = z_load_relaxed(&iso->queue_next)) {
        int64_t id = zx_plain_read(&iso->id);
        zx_assert(id >= 1);
        zx_assert(id <= PUSHERS * EACH);
        zx_assert(zx_plain_read(&taken[id]) == 0);
        zx_plain_write(&taken[id], 1);
        zx_assert(id > last[(id - 1) / EACH]);
        last[(id - 1) / EACH] = id;
    }
}

static void body(uint32_t thread)
{
    if (thread < PUSHERS) {
        push_own(thread);
        return;
    }
    take_all();
    take_all();
}

static void check(void)
{
    take_all();
    zx_assert(!zinbox_has_any(&inbox));
    for (uint32_t i = 1; i <= PUSHERS * EACH; i++)
        zx_assert(taken[i] == 1);
}

static const struct zmodel_bug bugs[] = {
    {.name = "relaxed_push", .random_max = 1000, .pct_max = 1000},
    {.name = "relaxed_take", .random_max = 1000, .pct_max = 1000},
    {.name = "plain_push", .random_max = 1000, .pct_max = 1000},
    {.name = "plain_take", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "inbox",
    .thread_count = PUSHERS + 2,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
