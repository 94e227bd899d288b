// tests/model/model_overflow.c - what is behind a worker's ring: appended by one, taken by anybody.
// With: src/sched/overflow.c
// Define: ZOVERFLOW_FIRST=1 ZCHAIN_MAX=2
//
// The real queue of chains (sched/overflow.h). The owner appends chains, so many that the array is
// replaced twice, and takes what is left at the end; two others take three times each. The indexes
// begin just below 2^64. Wanted: every isolate comes out once, with what was written to it seen, and
// what one thread takes comes in the order in which it was appended.
// Bugs: relaxed_tail: a taker sees the tail without the slot. relaxed_chains: it sees a new array
// without what is in it. array_first: it reads the array before the tail, and finds one that is too
// small. free_old: the owner frees an array as soon as it has replaced it. overwrite: the owner does
// not look for room. plain_take: a taker moves the head by a store.
#include "model.h"

#include "base/alloc.h"
#include "sched/overflow.h"

#define CHAINS 4
#define EACH   2 // isolates of a chain, but for the last one's, which has one
#define TAKERS 2
#define TAKES  3

enum bug { RELAXED_TAIL = 1, RELAXED_CHAINS, ARRAY_FIRST, FREE_OLD, OVERWRITE, PLAIN_TAKE };

static struct zoverflow overflow;
static struct zisolate isolates[CHAINS * EACH];
static uint32_t taken[CHAINS * EACH]; // plain: written by whoever has taken it

static void setup(void)
{
    const uint64_t first = UINT64_MAX - 1;
    atomic_init(&overflow.head, first);
    atomic_init(&overflow.tail, first);
    atomic_init(&overflow.chains, NULL);
    for (uint32_t i = 0; i < CHAINS * EACH; i++) {
        atomic_init(&isolates[i].queue_next, NULL);
        isolates[i].id = -1;
        taken[i] = 0;
    }
    bool is_reserved = zoverflow_reserve(&overflow);
    zx_assert(is_reserved);
    zx_name(&overflow.head, "head");
    zx_name(&overflow.tail, "tail");
    zx_name(&overflow.chains, "chains");
    if (zmodel_bug == RELAXED_TAIL) zx_weaken(&overflow.tail, sizeof overflow.tail, ZX_STORES);
    if (zmodel_bug == RELAXED_CHAINS)
        zx_weaken(&overflow.chains, sizeof overflow.chains, ZX_STORES);
}

// ---- Taking -----------------------------------------------------------------------------------------

static struct zisolate *take_wrongly(void)
{
    uint64_t head = z_load_acquire(&overflow.head);
    struct zchains *chains = z_load_acquire(&overflow.chains);
    if (zmodel_bug == PLAIN_TAKE && z_load_acquire(&overflow.tail) == head) return NULL;
    if (zmodel_bug == PLAIN_TAKE) chains = z_load_acquire(&overflow.chains);
    if (z_load_acquire(&overflow.tail) == head) return NULL;
    struct zisolate *first = z_load_relaxed(&chains->slots[head & (chains->capacity - 1)].first);
    if (zmodel_bug == PLAIN_TAKE)
        z_store_release(&overflow.head, head + 1);
    else if (!z_cas_acq_rel(&overflow.head, &head, head + 1))
        return NULL;
    return first;
}

static struct zisolate *take(void)
{
    bool is_planted = zmodel_bug == ARRAY_FIRST || zmodel_bug == PLAIN_TAKE;
    return is_planted ? take_wrongly() : zoverflow_take(&overflow);
}

static bool take_one(int64_t *last)
{
    uint64_t stamp;
    if (zmodel_bug == 0 && !zoverflow_peek(&overflow, &stamp)) return false;
    struct zisolate *iso = take();
    if (iso == NULL) return false;
    uint32_t count = iso->chain_count, seen = 0;
    for (; iso != NULL; iso = z_load_relaxed(&iso->queue_next), seen++) {
        int64_t id = zx_plain_read(&iso->id);
        zx_assert(id > *last);
        *last = id;
        zx_assert(zx_plain_read(&taken[id]) == 0);
        zx_plain_write(&taken[id], 1);
    }
    zx_assert(seen == count);
    return true;
}

// ---- Appending --------------------------------------------------------------------------------------

static void reserve(void)
{
    struct zchains *before = z_load_relaxed(&overflow.chains); // relaxed: only we write it
    if (zmodel_bug == OVERWRITE && before != NULL) return;
    bool is_reserved = zoverflow_reserve(&overflow);
    zx_assert(is_reserved);
    struct zchains *chains = z_load_relaxed(&overflow.chains); // relaxed: as above
    if (zmodel_bug != FREE_OLD || chains == before || before == NULL) return;
    chains->older = before->older;
    z_free(before, sizeof *before + before->capacity * sizeof before->slots[0]);
}

static void append_all(void)
{
    for (uint32_t i = 0; i < CHAINS; i++) {
        struct zchain chain = {0};
        for (uint32_t k = 0; k < (i + 1 < CHAINS ? EACH : 1); k++) {
            zx_plain_write(&isolates[i * EACH + k].id, i * EACH + k);
            zchain_add(&chain, &isolates[i * EACH + k]);
        }
        reserve();
        zoverflow_append(&overflow, &chain, i);
        zx_assert(chain.count == 0);
    }
}

static void body(uint32_t thread)
{
    int64_t last = -1;
    if (thread == 0) append_all();
    for (int i = 0; thread != 0 && i < TAKES; i++)
        take_one(&last);
    while (thread == 0 && take_one(&last))
        continue;
}

static void check(void)
{
    zx_assert(!zoverflow_has_any(&overflow));
    for (uint32_t i = 0; i + 1 < CHAINS * EACH; i++)
        zx_assert(taken[i] == 1);
    zoverflow_deinit(&overflow);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "relaxed_tail", .random_max = 1000, .pct_max = 1000},
    {.name = "relaxed_chains", .random_max = 1000, .pct_max = 1000},
    {.name = "array_first", .random_max = 20000, .pct_max = 20000},
    {.name = "free_old", .random_max = 5000, .pct_max = 5000},
    {.name = "overwrite", .random_max = 1000, .pct_max = 1000},
    {.name = "plain_take", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "overflow",
    .thread_count = 1 + TAKERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
