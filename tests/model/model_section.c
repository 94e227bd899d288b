// tests/model/model_section.c - the real sections of the symbol table: who is inside, and what is freed.
// With: src/intern/intern.c src/intern/table.c src/intern/store.c src/intern/migrate.c src/intern/figures.c src/intern/section.c src/base/utf8.c
// Define: ZINTERN_PLANT=1
//
// section.c as it is, over ck_epoch's algorithm in the explorer's words (src/base/ck_explore.h). Two
// threads look a symbol up, and look at the cells themselves while they are inside; one moves the table
// twice and frees what it may. There are fewer slots than threads, so two of them take turns in a
// shared one. Nothing is freed under somebody inside, all of it in the end, and once.
#include "model.h"

#include "base/siphash.h"
#include "intern/intern_internal.h"

enum zintern_bug zintern_planted;

#ifdef ZVM_EXPLORE
#    include "base/ck_explore.h"
enum zck_bug zck_planted;

static const enum zck_bug ck_bugs[] = {ZCK_BUG_NONE,           ZCK_BUG_BEGIN_UNORDERED,
                                       ZCK_BUG_END_RELAXED,    ZCK_BUG_POLL_BLIND,
                                       ZCK_BUG_DISPATCH_EARLY, ZCK_BUG_NONE,
                                       ZCK_BUG_NONE,           ZCK_BUG_NONE};
#endif

static const enum zintern_bug planted[] = {
    ZINTERN_BUG_NONE, ZINTERN_BUG_NONE,         ZINTERN_BUG_NONE,         ZINTERN_BUG_NONE,
    ZINTERN_BUG_NONE, ZINTERN_BUG_SLOT_RELAXED, ZINTERN_BUG_GATE_RELAXED, ZINTERN_BUG_NO_GRACE,
};

const struct zsiphash_key *zsiphash_process_key(void)
{
    static const struct zsiphash_key key = {0};
    return &key;
}

uint64_t zsiphash13(const struct zsiphash_key *key, const void *bytes, size_t length_bytes)
{
    (void)key;
    (void)length_bytes;
    return *(const unsigned char *)bytes;
}

static struct zintern *table;
static const struct zstring *held;

static void setup(void)
{
    zintern_planted = planted[zmodel_bug];
#ifdef ZVM_EXPLORE
    zck_planted = ck_bugs[zmodel_bug];
#endif
    struct zintern_tuning tuning = {
        .hash_mask = UINT64_MAX, .dead_min = 100, .cells_min = 2, .chunk_cells = 2};
    zx_assert(zintern_create_tuned(NULL, &tuning, &table) == ZVM_OK);
    zx_assert(zintern_acquire(table, "A", 1, &held) == ZVM_OK);
}

static void look_around(void)
{
    struct zintern_slot *slot = zintern_enter_surely(table);
    struct zintern_cells *cells = z_load_acquire(&table->root); // PAIR root
    zx_assert(zx_plain_read(&cells->mask) >= 1);
    z_count_add(&slot->misses, 1);
    slot->credit_count++; // as an insertion does
    zx_assert(zx_plain_read(&cells->table) == table);
    slot->credit_count--;
    zintern_leave(table, slot);
}

static void move_all(void)
{
    struct zintern_slot *slot = zintern_enter_surely(table);
    zx_assert(zintern_collect(table) == ZVM_OK);
    zintern_leave(table, slot);
    zintern_reclaim(table);
}

static void body(uint32_t thread)
{
    if (thread < 2) {
        look_around();
        look_around();
        zintern_reclaim(table);
    } else {
        move_all();
        move_all();
        zintern_reclaim(table);
    }
}

static void check(void)
{
    zintern_release(table, held);
    zintern_destroy(table);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "begin_unordered", .random_max = 20000, .pct_max = 20000},
    {.name = "end_relaxed", .random_max = 20000, .pct_max = 20000},
    {.name = "poll_blind", .random_max = 20000, .pct_max = 20000},
    {.name = "dispatch_early", .random_max = 20000, .pct_max = 20000},
    {.name = "slot_relaxed", .random_max = 20000, .pct_max = 20000},
    {.name = "gate_relaxed", .random_max = 20000, .pct_max = 20000},
    {.name = "no_grace", .random_max = 20000, .pct_max = 20000},
};

const struct zmodel zmodel_program = {
    .name = "section",
    .thread_count = 3,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .schedules = 20000,
};
