// tests/model/model_deque.c - a work-stealing deque: one owner, two thieves, every item taken once.
//
// The deque of Chase and Lev, without growing and without fences: seq_cst on top and bottom. Bugs:
// relaxed_pop: push releases, pop's store of bottom is relaxed, and a read-modify-write of top
// keeps the two in order. A thief can read the bottom that pop stored, and no edge leads from the
// push to it: it steals from a slot whose store it need not see. On x86-64 this never shows, and
// ThreadSanitizer does not see it either. unfenced_pop, release_pop: the owner's load of top goes
// before its store of bottom: two take the last item. relaxed_push: the thief need not see the
// slot. plain_last: the last item is claimed by a store.
#include "model.h"

#define ITEMS 3
#define SLOTS 4

enum bug { RELAXED_POP = 1, UNFENCED_POP, RELEASE_POP, RELAXED_PUSH, PLAIN_LAST };

static _Atomic int64_t top, bottom;
static _Atomic uint32_t slots[SLOTS];
static uint32_t items[ITEMS + 1]; // plain: an item's contents, written before its push
static uint32_t taken[ITEMS + 1]; // counted by whoever took it: the model's own record

static void setup(void)
{
    atomic_init(&top, 0);
    atomic_init(&bottom, 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        atomic_init(&slots[i], 0);
    for (uint32_t i = 0; i <= ITEMS; i++)
        taken[i] = 0;
    zx_name(&top, "top");
    zx_name(&bottom, "bottom");
    zx_name(&slots[0], "slot 0");
    zx_name(&slots[1], "slot 1");
    zx_name(&slots[2], "slot 2");
    zx_name(&items[1], "item 1");
    zx_name(&items[2], "item 2");
    zx_name(&items[3], "item 3");
}

static void store_bottom_in_pop(int64_t value)
{
    if (zmodel_bug == RELAXED_POP || zmodel_bug == UNFENCED_POP)
        z_store_relaxed(&bottom, value);
    else if (zmodel_bug == RELEASE_POP)
        z_store_release(&bottom, value);
    else
        z_store_seq_cst(&bottom, value); // before the load of top, for all to see
}

static int64_t load_top_in_pop(void)
{
    if (zmodel_bug == RELAXED_POP) return z_fetch_add_acq_rel(&top, 0);
    return z_load_seq_cst(&top);
}

static void push(uint32_t item)
{
    int64_t at = z_load_relaxed(&bottom); // relaxed: the owner's own
    z_store_relaxed(&slots[at % SLOTS], item);
    if (zmodel_bug == RELAXED_PUSH)
        z_store_relaxed(&bottom, at + 1);
    else if (zmodel_bug == RELAXED_POP)
        z_store_release(&bottom, at + 1);
    else
        z_store_seq_cst(&bottom, at + 1); // PAIR deque, to steal
}

static bool win(int64_t at)
{
    if (zmodel_bug != PLAIN_LAST) return z_cas_seq_cst(&top, &at, at + 1);
    z_store_seq_cst(&top, at + 1);
    return true;
}

static uint32_t pop(void) // 0: empty
{
    int64_t at = z_load_relaxed(&bottom) - 1; // relaxed: the owner's own
    store_bottom_in_pop(at);
    int64_t first = load_top_in_pop();
    uint32_t item = 0;
    if (first <= at) item = z_load_relaxed(&slots[at % SLOTS]); // relaxed: the owner's own
    if (first < at) return item;
    if (first == at && !win(first)) item = 0; // the last one: thieves may be there too
    store_bottom_in_pop(at + 1);
    return item;
}

static uint32_t steal(void) // 0: empty, or another was faster
{
    int64_t first = z_load_seq_cst(&top);
    int64_t end = z_load_seq_cst(&bottom); // PAIR deque, from push
    if (first >= end) return 0;
    uint32_t item = z_load_relaxed(&slots[first % SLOTS]); // relaxed: bottom led here
    return z_cas_seq_cst(&top, &first, first + 1) ? item : 0;
}

static void take(uint32_t item)
{
    zx_assert(item <= ITEMS);
    zx_assert(zx_plain_read(&items[item]) == item * 10);
    taken[item]++;
}

static void own(void)
{
    for (uint32_t i = 1; i <= ITEMS; i++) {
        zx_plain_write(&items[i], i * 10);
        push(i);
        if (i == 1) continue; // two in it
        uint32_t item = pop();
        if (item != 0) take(item);
    }
}

static void thieve(void)
{
    for (int i = 0; i < 2; i++) {
        uint32_t item = steal();
        if (item != 0) take(item);
    }
}

static void body(uint32_t thread)
{
    if (thread == 0)
        own();
    else
        thieve();
}

static void check(void)
{
    for (uint32_t item = pop(); item != 0; item = pop())
        take(item);
    for (uint32_t i = 1; i <= ITEMS; i++)
        zx_assert(taken[i] == 1);
}

static const struct zmodel_bug bugs[] = {
    {.name = "relaxed_pop", .random_max = 2000, .pct_max = 2000},
    {.name = "unfenced_pop", .random_max = 2000, .pct_max = 2000},
    {.name = "release_pop", .random_max = 2000, .pct_max = 2000},
    {.name = "relaxed_push", .random_max = 2000, .pct_max = 2000},
    {.name = "plain_last", .random_max = 2000, .pct_max = 100000},
};

const struct zmodel zmodel_program = {
    .name = "deque",
    .thread_count = 3,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .dfs_max = 1000000,
};
